package command

import (
	"testing"
)

// Stage 1 closes the first client and ends.
func TestStage1(t *testing.T) {
	r := start(t, "key", "--stage", "1")
	r.expectEOF(r.connect())
	r.expectEnd(0)
}

// Stage 2 turns away who has the wrong key, and shows five messages of who has
// the right one, however they arrive.
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
	r.stderr.waitFor(t, "the client left early")
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
}

// Both stages end well when they are told to, whatever they wait for.
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
}
