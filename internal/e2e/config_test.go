package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A server with a configuration file: SIGHUP has its rooms and personal keys read again,
// and says what else waits for the next start. A file that is wrong changes nothing.
func TestConfig(t *testing.T) {
	t.Parallel()
	people := newPeopleFile(t, "a", "alice", "bob")
	personal := func(label string) string {
		words := strings.Fields(people.lines[label])
		return fmt.Sprintf("[[key]]\nlabel = %q\nroom = %q\nhash = %q\n", words[0], words[1], words[2])
	}
	const settings = "max-clients = 20\nconsole = \"off\"\n"
	file := newRoomsFile(t, settings, room("a", "Kluczyk-a"), room("b", "Kluczyk-b"), personal("alice"), personal("bob"))
	if err := os.Chmod(file.name, 0o644); err != nil {
		t.Fatal(err)
	}
	srv := setup{env: []string{"SOP_CHAT_CONFIG=" + file.name}, key: []string{}, wrapper: []string{"setsid"}}.start(t)
	srv.stderr.waitForLine(t, "every user of this machine can read the keys in the configuration file")
	inA, inB := dial(t, srv, "in a", "Kluczyk-a"), dial(t, srv, "in b", "Kluczyk-b")
	alice, bob := dial(t, srv, "alice", people.keys["alice"]), dial(t, srv, "bob", people.keys["bob"])
	hello := inA.say("hello")
	alice.expect(hello)
	bob.expect(hello)

	file.write(settings+"replay = 20\n", room("a", "Kluczyk-a"), room("c", "Kluczyk-c"), personal("bob"))
	srv.reread("the personal keys have been read again")
	srv.stderr.waitForLine(t, "takes effect at the next start")
	srv.stderr.waitForLine(t, "settings=replay")
	srv.stderr.waitForLine(t, "opened=1 closed=1 changed=0")
	alice.expectClosed()
	inB.expectClosed()
	dial(t, srv, "in c", "Kluczyk-c").say("hello")
	bob.expect(inA.say("again"))

	file.write(settings, room("a", "Kluczyk-a"), "[[key]]\nlabel = \"bob\"\n")
	srv.reread("rooms and personal keys stay as they are")
	dial(t, srv, "in c", "Kluczyk-c")
	srv.refuses("alice", people.keys["alice"])
	if strings.Contains(srv.stderr.String(), "Kluczyk") || strings.Contains(srv.stderr.String(), "argon2id") {
		t.Errorf("standard error has a key:\n%s", excerpt(srv.stderr.String()))
	}
}
