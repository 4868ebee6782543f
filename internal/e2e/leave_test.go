package e2e

import (
	"fmt"
	"testing"

	"sop-chat/internal/wire"
)

// waysToLeave are the ways in which a client can leave, as the server sees them.
var waysToLeave = []struct {
	what  string
	leave func(*client)
}{
	{"close", func(c *client) { c.Close() }},
	{"close in the middle of a message", func(c *client) { c.Write([]byte("half a mess")); c.Close() }},
	{"half-close", func(c *client) { c.halfClose() }},
	{"half-close in the middle of a message", func(c *client) { c.Write([]byte("half a mess")); c.halfClose() }},
	{"reset", func(c *client) { c.reset() }},
	{"reset in the middle of a message", func(c *client) { c.Write([]byte("half a mess")); c.reset() }},
}

// Messages that a client sent before it closed arrive, however many they are and
// whatever segment the close comes in, also together with the authentication.
func TestLastMessagesArrive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what  string
		n     int
		leave func(*client)
	}{
		{"one, then close", 1, func(c *client) { c.Close() }},
		{"many, then close", 1000, func(c *client) { c.Close() }},
		{"one, then half-close", 1, func(c *client) { c.halfClose(); c.expectClosed() }},
		{"many, then half-close", 1000, func(c *client) { c.halfClose(); c.expectClosed() }},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := start(t)
			stays := join(t, srv, "stays")
			for i := range 10 {
				leaves := joinEventually(t, srv, fmt.Sprintf("leaves %d", i))
				if err := leaves.flood(0, test.n); err != nil {
					t.Fatal(err)
				}
				test.leave(leaves)
				if err := stays.reader(leaves.name).readAll(test.n); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A client may send all of its messages and close before it reads the echo.
func TestAllInOneSegment(t *testing.T) {
	t.Parallel()
	srv := start(t)
	stays := join(t, srv, "stays")
	for i := range 50 {
		name := fmt.Sprintf("hasty %d", i)
		auth, m := message(name, key), message(name, "bye")
		c := connect(t, srv)
		c.send(auth, m)
		c.halfClose()
		stays.expect(m)
		c.expect(auth)
		c.expectFullyClosed()
	}
}

// An incomplete message at the end is reported on stderr and sent to nobody; the
// complete ones before it arrive.
func TestIncompleteIsReported(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, wire.NameSize, wire.Size - 1} {
		t.Run(fmt.Sprint(length, " bytes"), func(t *testing.T) {
			srv := start(t)
			stays, leaves := join(t, srv, "stays"), join(t, srv, "leaves")
			whole, part := message("leaves", "whole"), message("leaves", "part")
			leaves.Write(append(stream(whole, whole), part[:length]...))
			leaves.halfClose()
			leaves.expectFullyClosed()
			stays.expect(whole, whole)
			srv.stderr.waitForLine(t, "message", fmt.Sprint(" of ", length, " of "), "leaves")
			join(t, srv, "next").expectNothing(stays)
		})
	}
}

// A reset ends one client. Its messages that are in the kernel may arrive, in
// order. The others go on, and so does the server.
func TestReset(t *testing.T) {
	t.Parallel()
	srv := start(t, "--max-clients", "3") // Each that comes proves that the one before has left.
	a, b := join(t, srv, "a"), join(t, srv, "b")
	for i := range 50 {
		bad := joinEventually(t, srv, fmt.Sprintf("bad %d", i))
		bad.say("help")
		bad.reset()
	}
	c := joinEventually(t, srv, "c")
	a.say("over")
	last := -1
	for {
		m := b.receive()
		if string(m.Text()) == "over" {
			break
		}
		var i int
		if _, err := fmt.Sscanf(string(m.Name()), "bad %d", &i); err != nil || i <= last {
			t.Fatalf("after bad %d came %q", last, m.Name())
		}
		last = i
	}
	c.expect(message("a", "over"))
	c.expectNothing(b)
}

// Clients that leave while they are flooded, with data unsent and unread, in
// whatever way, have no effect on others.
func TestLeavingWhileFlooded(t *testing.T) {
	t.Parallel()
	for _, leaving := range waysToLeave {
		t.Run(leaving.what, func(t *testing.T) {
			srv := start(t)
			tr := startTraffic(t, srv)
			for i := range 20 {
				name := fmt.Sprintf("leaves %d", i)
				leaves := joinEventually(t, srv, name)
				if i%2 == 1 {
					tr.waitForMore(200) // So much is for leaves, which does not read it.
				}
				leaving.leave(leaves)
			}
			tr.finish()
		})
	}
}

// Clients that leave while they flood others, in whatever way, have no other
// effect on them. Of each flood, the beginning arrives.
func TestLeavingWhileSending(t *testing.T) {
	t.Parallel()
	for _, leaving := range waysToLeave {
		t.Run(leaving.what, func(t *testing.T) {
			srv := start(t)
			a, b := join(t, srv, "a"), join(t, srv, "b")
			var names []string
			for i := range 10 {
				names = append(names, fmt.Sprintf("leaves %d", i))
			}
			// a only watches, so that it is not in the way.
			watched := beside(t, func() error { return watch(a, b.name, names) })
			for _, name := range names {
				leaves := joinEventually(t, srv, name)
				leaves.flood(0, 300)
				leaving.leave(leaves)
			}
			b.send(finalMessage(b.name))
			wait(watched)
		})
	}
}

// watch reads the messages of the senders, each in order, until b's final one.
func watch(c *client, b string, senders []string) error {
	r := c.reader(append([]string{b}, senders...)...)
	for {
		if _, _, err := r.read(); err == errFinal {
			return nil
		} else if err != nil {
			return err
		}
	}
}
