package command

import (
	"strings"
	"testing"
)

// Stage 1 closes the first client and ends.
func TestStage1(t *testing.T) {
	r := start(t, "key", "--stage", "1")
	r.expectEOF(r.connect())
	r.expectEnd(0)
	said := r.stderr.String()
	for _, line := range []string{"stage 1 of 4: ", " connected; closed the connection, and that ends the stage\n"} {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
	for _, advice := range []string{"join", "key"} {
		if strings.Contains(said, advice) {
			t.Errorf("it speaks of %q, which nobody can use:\n%s", advice, said)
		}
	}
}

// Stage 2 closes connections with a wrong key, shows five messages of one with the
// right key, however they arrive, and reports what it does.
func TestStage2(t *testing.T) {
	r := start(t, "key", "--stage", "2")

	stranger := r.connect()
	r.send(stranger, "mallory", "guess")
	r.expectEOF(stranger)

	hasty := r.connect()
	hasty.Write([]byte("not even a message"))
	hasty.Close()

	client := r.connect()
	r.send(client, "alice", "key")
	r.expect(client, "alice", "key")
	var all []byte
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		m := message(t, "alice", text)
		all = append(all, m[:]...)
	}
	for _, piece := range [][]byte{all[:1], all[1:700], all[700:]} {
		if _, err := client.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	r.expectEOF(client)
	r.expectEnd(0)
	for _, line := range []string{
		`"mallory" from 127.0.0.1:`, `gave the key "guess": refused, wrong key`,
		`"alice" from 127.0.0.1:`, `gave the key "key": accepted`,
		"\nalice: one\nalice: two\nalice: three\nalice: four\nalice: five\n",
	} {
		r.stdout.waitFor(t, line)
	}
	expectInOrder(t, r.stderr.String(),
		"stage 2 of 4: ",
		"connected; waiting for 512 bytes",
		"the key is wrong; closed the connection",
		"the client closed the connection after 18 bytes",
		"the key is right; sent all of it back",
		"read 5 messages; closed the connection, and that ends the stage\n",
	)
}

// Stage 2 ends when its client leaves before the fifth message.
func TestStage2ClientLeaves(t *testing.T) {
	r := start(t, "key", "--stage", "2")
	client := r.connect()
	r.send(client, "alice", "key")
	r.expect(client, "alice", "key")
	r.send(client, "alice", "one")
	client.Close()
	r.expectEnd(0)
	r.stdout.waitFor(t, "alice: one\n")
	expectInOrder(t, r.stderr.String(), "the client closed the connection after 1 of 5 messages and 0 bytes")
}

// expectInOrder checks that a text has some parts, one after the other.
func expectInOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q is missing where it should be in:\n%s", part, text)
		}
		rest = after
	}
}

// Both stages end without an error when ctx is done, whatever they wait for.
func TestStagesStop(t *testing.T) {
	for _, stage := range []string{"1", "2"} {
		r := start(t, "key", "--stage", stage)
		r.stop()
		r.expectEnd(0)
	}
	r := start(t, "key", "--stage", "2")
	client := r.connect()
	r.send(client, "alice", "key")
	r.expect(client, "alice", "key")
	r.stop()
	r.expectEnd(0)
	r.expectEOF(client)
	if said := r.stderr.String(); strings.Contains(said, "closed") || strings.Contains(said, "failed") {
		t.Errorf("a client is blamed for the end:\n%s", said)
	}
}
