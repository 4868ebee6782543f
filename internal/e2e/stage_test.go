package e2e

import "testing"

// Stage 1 closes the first client that connects, and ends.
func TestStage1(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "1")
	connect(t, srv).expectFullyClosed()
	srv.expectEnd(0)
}

// Stage 2 shows name and key, sends the authentication back, shows five
// messages, closes and ends.
func TestStage2(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "2")
	c := join(t, srv, "alice")
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		c.say(text)
	}
	c.expectClosed()
	srv.expectEnd(0)
	lines := srv.stdout.lines()
	if !hasLine(lines, "alice", key) {
		t.Errorf("name and key are not shown:\n%s", srv.stdout)
	}
	if n := countMessages(lines, "alice"); n != 5 {
		t.Errorf("%d messages are shown, want 5:\n%s", n, srv.stdout)
	}
}

// Stage 2 splits the stream into messages as the complete server does, and reads
// no more than five.
func TestStage2Pieces(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "2")
	c := connect(t, srv)
	all := stream(message("alice", key))
	for n := range 6 {
		all = append(all, stream(numbered("alice", n))...)
	}
	writePieces(c, all, 300) // The server may close before it is all written.
	srv.expectEnd(0)
	if n := countMessages(srv.stdout.lines(), "alice"); n != 5 {
		t.Errorf("%d messages are shown, want 5:\n%s", n, srv.stdout)
	}
}

// Stage 2 shows a wrong key and closes at once, and sends nothing.
func TestStage2WrongKey(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "2")
	c := connect(t, srv)
	c.send(message("mallory", "guess"))
	c.expectFullyClosed()
	srv.stdout.waitForLine(t, "mallory", "guess")
	srv.kill()
}

// A client of stage 2 may leave before its fifth message.
func TestStage2Leaves(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "2")
	c := join(t, srv, "alice")
	c.say("one")
	c.Close()
	srv.expectEnd(0)
	if n := countMessages(srv.stdout.lines(), "alice"); n != 1 {
		t.Errorf("%d messages are shown, want 1:\n%s", n, srv.stdout)
	}
}

// In stage 3 many clients chat.
func TestStage3(t *testing.T) {
	t.Parallel()
	srv := start(t, "--stage", "3")
	all := joinMany(t, srv, 4)
	connect(t, srv).expectFullyClosed()
	all[0].expectNothing(all[1:]...)
	srv.kill()
}
