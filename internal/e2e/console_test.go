package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// Into a pipe the console prints each message as "name: text", each
// authentication with name, key and result, and each leaving.
func TestConsole(t *testing.T) {
	t.Parallel()
	srv := start(t)
	guest := connect(t, srv)
	guest.send(message("mallory", "guess"))
	guest.expectClosed()
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("hello, world"))
	a.expect(b.say("  blanks  are kept  "))
	b.expect(a.say("żółw: łódź"))
	a.Close()
	srv.stdout.waitForLine(t, "alice", "left")
	lines := srv.stdout.lines()
	for _, want := range []string{"alice: hello, world", "bob:   blanks  are kept  ", "alice: żółw: łódź"} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %q in:\n%s", want, srv.stdout)
		}
	}
	for _, parts := range [][]string{{"mallory", "guess"}, {"alice", key}, {"bob", key}} {
		if !hasLine(lines, parts...) {
			t.Errorf("there is no line with %q in:\n%s", parts, srv.stdout)
		}
	}
	if strings.Contains(srv.stdout.String(), "\x1b") {
		t.Errorf("there are escape sequences:\n%q", srv.stdout)
	}
}

// Normally the console leaves nothing out: a burst of messages, far more than a
// pipe holds, is printed completely and in order.
func TestConsoleBurst(t *testing.T) {
	t.Parallel()
	const n = 20_000
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	srv.stdout.waitForLine(t, "a: "+strconv.Itoa(n-1))
	next := 0
	for _, line := range srv.stdout.lines() {
		if !strings.HasPrefix(line, "a: ") {
			continue
		}
		if line != "a: "+strconv.Itoa(next) {
			t.Fatalf("line %q is printed, want %d", line, next)
		}
		next++
	}
	if next != n {
		t.Errorf("%d messages are printed, want %d", next, n)
	}
}

// countMessages returns how many lines are messages of a sender.
func countMessages(lines []string, sender string) (n int) {
	for _, line := range lines {
		if strings.HasPrefix(line, sender+": ") {
			n++
		}
	}
	return n
}

var number = regexp.MustCompile(`\d[\d,.]*`)

// countLeftOut returns how many messages the console reports as left out.
func countLeftOut(lines []string) (n int) {
	for _, line := range lines {
		if strings.Contains(line, "left out") {
			digits := strings.NewReplacer(",", "", ".", "").Replace(number.FindString(line))
			some, _ := strconv.Atoi(digits)
			n += some
		}
	}
	return n
}

// If a message has another name than its client has authenticated with, the
// console shows both. Blanks around a name don't count, because the GUI client
// sends them by mistake.
func TestConsoleShowsTrueName(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	for _, test := range []struct {
		name, text string
		both       bool
	}{
		{"alice", "ordinary", false},
		{" alice ", "blanks around", false},
		{"bob", "as another", true},
		{"Alice", "in another case", true},
		{"alice2", "longer", true},
		{"alic", "shorter", true},
		{"", "without a name", true},
		{"a lice", "a blank inside", true},
	} {
		m := message(test.name, test.text)
		a.send(m)
		b.expect(m)
		srv.stdout.waitForLine(t, test.text)
		for _, line := range srv.stdout.lines() {
			if !strings.Contains(line, test.text) {
				continue
			}
			if plain := strings.HasPrefix(line, strings.TrimSpace(test.name)+": "); plain == test.both {
				t.Errorf("a message under the name %q is shown as %q", test.name, line)
			}
			if test.both && !containsAll(line, []string{test.name, "alice"}) {
				t.Errorf("a message under the name %q is shown without both names: %q", test.name, line)
			}
		}
	}
}

// The log on stderr never contains a key, neither the right one nor a wrong one.
func TestLogHidesKeys(t *testing.T) {
	t.Parallel()
	srv := start(t, "--log-level", "debug")
	for _, wrong := range []string{"Gr4bbed-0ut-of-the-air", key + "-almost"} {
		c := connect(t, srv)
		c.send(message("mallory", wrong))
		c.expectClosed()
	}
	srv.expectAlive()
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	for _, secret := range []string{key, "Gr4bbed"} {
		if strings.Contains(srv.stderr.String(), secret) {
			t.Errorf("the log contains %q:\n%s", secret, srv.stderr)
		}
	}
	if !strings.Contains(srv.stdout.String(), "Gr4bbed-0ut-of-the-air") {
		t.Errorf("the console does not show the key that was given:\n%s", srv.stdout)
	}
}

// --console json prints one object a line.
func TestConsoleJSON(t *testing.T) {
	t.Parallel()
	srv := start(t, "--console", "json")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	hostile := message("alice\x1b[2J", "one\ntwo \"three\" \xff \u202e")
	a.send(hostile)
	b.expect(hostile)
	b.expect(a.say("hello"))
	a.Close()
	srv.stdout.waitForLine(t, "alice", "left")
	begun := time.Now().Add(-time.Hour)
	messages := 0
	for _, line := range srv.stdout.lines() {
		var object struct {
			Time    time.Time `json:"time"`
			Event   string    `json:"event"`
			Name    string    `json:"name"`
			Text    string    `json:"text"`
			Address string    `json:"address"`
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if object.Event == "" || object.Time.Before(begun) || object.Time.After(time.Now()) {
			t.Errorf("line %q has no event, or a wrong time", line)
		}
		if object.Event != "message" {
			continue
		}
		messages++
		if object.Name == "" || object.Text == "" || !strings.HasPrefix(object.Address, "127.0.0.1:") {
			t.Errorf("the message %q lacks a field", line)
		}
	}
	if messages != 2 {
		t.Errorf("there are %d messages, want 2:\n%s", messages, srv.stdout)
	}
	if !hasLine(srv.stdout.lines(), `"alice"`, `"hello"`) || !hasLine(srv.stdout.lines(), `"bob"`, key) {
		t.Errorf("something is missing:\n%s", srv.stdout)
	}
	expectHarmless(t, "stdout", srv.stdout.String())
}

// --console off prints nothing, and the chat goes on.
func TestConsoleOff(t *testing.T) {
	t.Parallel()
	srv := start(t, "--console", "off")
	srv.expectAlive()
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	if got := srv.stdout.String(); got != "" {
		t.Errorf("stdout is %q, want nothing", got)
	}
}

// A full name and a full text, which have no terminator, are shown completely and
// apart.
func TestConsoleFullFields(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name, text := strings.Repeat("n", wire.NameSize), strings.Repeat("t", wire.TextSize)
	join(t, srv, name).say(text)
	srv.stdout.waitFor(t, "the full message", func(printed string) bool {
		return slices.Contains(wholeLines(printed), name+": "+text)
	})
}
