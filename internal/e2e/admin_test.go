package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// startAdministered runs a server with a socket for operators.
func startAdministered(t *testing.T, flags ...string) (srv *server, socket string) {
	t.Helper()
	socket = socketPath(t)
	return start(t, append([]string{"--admin", socket}, flags...)...), socket
}

// socketPath returns where there may be a socket, whose path has to be short.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "admin.sock")
}

// opens reports whether a key lets somebody in.
func opens(t *testing.T, srv *server, key string) bool {
	t.Helper()
	c := connect(t, srv)
	c.name = "somebody"
	auth := message(c.name, key)
	c.Write(auth[:])
	in, err := c.gotEcho(auth)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// operate runs a command of an operator, which has to end with a status.
func operate(t *testing.T, socket string, status int, args ...string) result {
	t.Helper()
	got := run(t, []string{"SOP_CHAT_ADMIN=" + socket}, binary, append([]string{"admin"}, args...)...)
	if got.status != status {
		t.Fatalf("%q ends with status %d: %s%s", args, got.status, got.stdout, got.stderr)
	}
	return got
}

// Operators see who is there, say something, and disconnect, ban and refuse clients of a
// server that runs; the log says who did it.
func TestAdmin(t *testing.T) {
	t.Parallel()
	srv, socket := startAdministered(t)
	alice, eve := join(t, srv, "alice"), join(t, srv, "eve\x1b[2J")
	if who := operate(t, socket, 0, "who").stdout; !strings.Contains(who, ` alice `) || !strings.Contains(who, ` eve\x1b[2J  main `) {
		t.Errorf("there are\n%s", who)
	}
	var clients struct {
		Clients []struct {
			ID      int
			Name    string
			Address string
		}
	}
	if err := json.Unmarshal([]byte(operate(t, socket, 0, "who", "--json").stdout), &clients); err != nil || len(clients.Clients) != 2 || clients.Clients[1].Name != "eve\x1b[2J" {
		t.Fatalf("%+v: %v", clients, err)
	}
	operate(t, socket, 0, "say", "hello,", "all")
	alice.expect(message("server", "hello, all"))
	operate(t, socket, 0, "kick", `eve\x1b[2J`, "--reason", "spam")
	eve.expect(message("server", "hello, all"))
	eve.expectClosed()
	srv.stdout.waitForLine(t, "left: was disconnected by an operator: spam")
	srv.stderr.waitForLine(t, "an operator acts", "command=kick", fmt.Sprint("uid ", os.Getuid()), "reason=spam")
	operate(t, socket, 1, "kick", "nobody")
	operate(t, socket, 2, "kick")

	operate(t, socket, 0, "drain")
	if opens(t, srv, key) {
		t.Error("somebody is let in")
	}
	operate(t, socket, 0, "drain", "--off")
	bob := join(t, srv, "bob")
	bob.expect(alice.say("are you there?"))

	operate(t, socket, 0, "ban", "127.0.0.0/8", "--for", "1h")
	alice.expectClosed()
	if bans := operate(t, socket, 0, "bans").stdout; !strings.Contains(bans, "127.0.0.0/8") {
		t.Errorf("the bans are\n%s", bans)
	}
	operate(t, socket, 0, "unban", "127.0.0.0/8")
	join(t, srv, "carol")

	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	operate(t, socket, 1, "who")
}

// A server that was killed leaves a socket, which the next one takes; one that runs keeps its
// own.
func TestAdminSocketOfAnother(t *testing.T) {
	t.Parallel()
	srv, socket := startAdministered(t)
	second := setup{flags: []string{"--admin", socket}}.launch(t)
	second.expectEnd(1)
	second.stderr.waitForLine(t, "another server is reached at", socket)
	srv.signal(syscall.SIGKILL)
	<-srv.done
	start(t, "--admin", socket)
	operate(t, socket, 0, "rooms")
}

// A key that an operator gives a room opens it, also after an upgrade, until the file of
// rooms has another one then, or is read again.
func TestAdminRekey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rooms.toml")
	write := func(key string) {
		if err := os.WriteFile(file, fmt.Appendf(nil, "[[room]]\nname = \"maths\"\nkey = %q\n", key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("the former key")
	srv, socket := startAdministered(t, "--rooms", file)
	rekey := exec.Command(binary, "admin", "rekey", "maths")
	rekey.Stdin = strings.NewReader("the new key of it\n")
	got := runCommand(t, []string{"SOP_CHAT_ADMIN=" + socket}, rekey)
	if got.status != 0 || !strings.Contains(got.stdout, "maths has the new key; its clients stay") || !strings.Contains(got.stdout, "reload, SIGHUP") {
		t.Fatalf("%+v", got)
	}
	if opens(t, srv, "the former key") || !opens(t, srv, "the new key of it") {
		t.Error("the new key is not in force")
	}
	operate(t, socket, 0, "upgrade")
	if opens(t, srv, "the former key") || !opens(t, srv, "the new key of it") {
		t.Error("the new key is not in force after an upgrade")
	}
	operate(t, socket, 0, "reload")
	if opens(t, srv, "the new key of it") || !opens(t, srv, "the former key") {
		t.Error("the file does not count again")
	}
	rekey = exec.Command(binary, "admin", "rekey", "maths")
	rekey.Stdin = strings.NewReader("the new key of it\n")
	runCommand(t, []string{"SOP_CHAT_ADMIN=" + socket}, rekey)
	write("a key of the file")
	operate(t, socket, 0, "upgrade")
	if opens(t, srv, "the new key of it") || !opens(t, srv, "a key of the file") {
		t.Error("a new key of the file does not count after an upgrade")
	}
	if strings.Contains(srv.stderr.String(), "the new key of it") {
		t.Error("the key is in the log")
	}
}

// The page tells a user that an operator has disconnected, and why, and does not come back
// by itself.
func TestWebKicked(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	socket := socketPath(t)
	srv := startWeb(t, "--admin", socket)
	p := b.open(srv.link(), desktop)
	p.join("eve")
	operate(t, socket, 0, "kick", "eve", "--reason", "please <b>stop</b> that")
	p.wait("the words", `document.querySelector("#refusal").textContent === "An operator of the server has disconnected you: “please <b>stop</b> that”."`)
	operate(t, socket, 0, "drain")
	p.click("#join .main")
	p.wait("the refusal", `document.querySelector("#refusal").textContent === "The server lets nobody in for now. Try again later."`)
	operate(t, socket, 0, "drain", "--off")
	p.click("#join .main")
	p.waitJoined("eve")
}
