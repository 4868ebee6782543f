package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gochat "sop-chat/client"
)

// motdFile writes a message of the day.
func motdFile(t testing.TB, path, text string) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "motd.txt")
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The server greets whoever joins, them alone, and says in the room who has.
func TestServerSpeaks(t *testing.T) {
	t.Parallel()
	motd, path := motdFile(t, "", "welcome to the house\nbe kind\n"), historyFile(t)
	web := startWeb(t, "--announce", "--motd", motd, "--server-name", "house", "--history", path, "--history-sync", "1ms")
	alice := join(t, web.server, "alice")
	alice.expect(message("house", "welcome to the house\nbe kind"), message("house", `"alice" joined`))

	addr := strings.TrimSuffix(web.link(), "/#key="+key)
	bob, err := gochat.Dial(t.Context(), addr, "bob", key)
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	alice.expect(message("house", `"bob" joined`))
	var got []gochat.Message
	for m, err := range bob.Receive(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, m); len(got) == 2 {
			break
		}
	}
	if m := got[0]; m.Name != "house" || m.Text != "welcome to the house\nbe kind" || m.Number != 0 || m.Old || m.From != "house" {
		t.Errorf("bob receives %+v first", m)
	}
	if m := got[1]; m.Text != `"bob" joined` || m.Number != 2 || m.From != "house" {
		t.Errorf("bob receives %+v then", m)
	}
	if err := bob.Send(t.Context(), "hello"); err != nil {
		t.Fatal(err)
	}
	alice.expect(message("bob", "hello"))
	state := bob.State()
	bob.Close()
	alice.expect(message("house", `"bob" left`))

	// A client that comes back is not greeted again.
	bob, err = gochat.Dial(t.Context(), addr, "bob", key, gochat.Resume(state))
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	for m, err := range bob.Receive(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Number == 0 {
			t.Errorf("bob receives %+v again", m)
		}
		if m.Text == `"bob" joined` {
			break
		}
	}
	alice.expect(message("house", `"bob" joined`))

	motdFile(t, motd, "welcome back")
	web.signal(syscall.SIGHUP)
	web.stderr.waitForLine(t, "the message of the day has been read again")
	motdFile(t, motd, strings.Repeat("too long ", 1000))
	web.signal(syscall.SIGHUP)
	web.stderr.waitForLine(t, "the message of the day stays as it is")
	carol := join(t, web.server, "carol")
	carol.expect(message("house", "welcome back"), message("house", `"carol" joined`))

	eventually(t, "what was said is kept", func() bool { return lastOf(t, path) >= 6 })
	for _, m := range readHistory(t, path, 0) {
		if strings.Contains(string(m.Wire.Text()), "welcome") {
			t.Errorf("%q is kept", m.Wire.Text())
		}
	}
	if out := web.stdout.String(); strings.Contains(out, "welcome") || !strings.Contains(out, `house: "alice" joined`) {
		t.Errorf("the console shows\n%s", out)
	}
}

// The page shows the message of the day, once, and who joins.
func TestServerSpeaksOnPage(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	web := startWeb(t, "--announce", "--motd", motdFile(t, "", "welcome\nbe kind"))
	p := browser.open(web.link(), desktop)
	p.join("alice")
	p.wait("the message of the day", `document.querySelector(".note")?.innerText.includes("welcome\nbe kind")`)
	p.hears("server", `"alice" joined`)
	bob := join(t, web.server, "bob")
	bob.expect(message("server", "welcome\nbe kind"), message("server", `"bob" joined`))
	p.hears("server", `"bob" joined`)
	p.say("hello")
	bob.expect(message("alice", "hello"))
	if n := p.count(".note"); n != 1 {
		t.Errorf("there are %d notes", n)
	}
}
