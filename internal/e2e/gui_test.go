package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"sop-chat/internal/wire"
)

// The GUI client resolves "localhost", connects over IPv4, and takes its next
// 512 bytes for the echo.
func TestLocalhost(t *testing.T) {
	t.Parallel()
	srv := start(t)
	conn, err := net.DialTimeout("tcp4", fmt.Sprintf("localhost:%d", srv.port), testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{TCPConn: conn.(*net.TCPConn), t: t}
	c.authenticate("User", key)
	b := join(t, srv, "b")
	b.expect(c.say("hello"))
	c.expect(b.say("hello yourself"))
}

// The echo is the authentication message byte for byte, including the bytes after
// the terminators.
func TestEcho(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", wire.TextSize)
	for _, test := range []struct{ what, name, given, key string }{
		{"ordinary", "alice", key, key},
		{"a name with blanks", "  alice in w ", key, key},
		{"no name", "", key, key},
		{"a full name, so that the key follows at once", strings.Repeat("n", wire.NameSize), key, key},
		{"a full key", "alice", longest, longest},
		{"both full", strings.Repeat("n", wire.NameSize), longest, longest},
		{"junk after the name", "alice\x00junk\xff\x00\x01", key, key},
		{"junk after the key", "alice", key + "\x00junk\xff\x00" + key, key},
		{"a key with blanks", "alice", " a key ", " a key "},
		{"not UTF-8", "\xff\xfe", key, key},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := setup{key: []string{test.key}}.start(t)
			dial(t, srv, test.name, test.given)
		})
	}
}

// A message goes to all others byte for byte, and never back to its sender.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b, c := join(t, srv, "a"), join(t, srv, "b"), join(t, srv, "c")
	var everyByte, reversed wire.Message
	for i := range everyByte {
		everyByte[i] = byte(i)
		reversed[i] = byte(255 - i)
	}
	for _, test := range []struct {
		what string
		m    wire.Message
	}{
		{"ordinary", message("a", "hello")},
		{"a name with blanks", message("  a ", "hello")},
		{"another name", message("b", "I am not b")},
		{"an empty text", message("a", "")},
		{"nothing but zeros", wire.Message{}},
		{"line breaks", message("a", "one\r\ntwo\nthree")},
		{"full fields", message(strings.Repeat("n", wire.NameSize), strings.Repeat("t", wire.TextSize))},
		{"junk after the first zero", message("a\x00junk", "hello\x00\x00junk\xff")},
		{"a text after a zero", message("a", "\x00hello")},
		{"a zero as the last byte", message("a", strings.Repeat("\xff", wire.TextSize-1))},
		{"all byte values", everyByte},
		{"all byte values, reversed", reversed},
		{"like an authentication", message("a", key)},
	} {
		t.Run(test.what, func(t *testing.T) {
			a, b, c := a.in(t), b.in(t), c.in(t)
			a.send(test.m)
			b.expect(test.m)
			c.expect(test.m)
			b.expectNothing(a, c)
		})
	}
}

// Nothing ever comes before the echo, even while others are sending: the GUI
// client would take it for the echo and discard it. After the echo comes every
// message that is sent from then on.
func TestEchoInFlood(t *testing.T) {
	t.Parallel()
	srv := start(t, "--max-clients", "0")
	tr := startTraffic(t, srv)
	for i := range scaled(100, 2000) {
		c := join(t, srv, fmt.Sprintf("guest %d", i)) // Ensures it.
		sent := int(tr.sent.Load())
		in := c.reader()
		in.next["from"] = unknown
		for n := range 200 {
			_, number, err := in.read()
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 && number > sent+batch {
				t.Fatalf("%q got its echo when %d messages were sent, and then %d", c.name, sent, number)
			}
		}
		c.Close()
	}
	tr.finish()
}

// All clients receive the messages in the order in which they were sent.
func TestOrder(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b, c := join(t, srv, "a"), join(t, srv, "b"), join(t, srv, "c")
	// Each waits for the other, so there is only one right order.
	for i := range 200 {
		fromA := a.say(fmt.Sprint("ping ", i))
		b.expect(fromA)
		fromB := b.say(fmt.Sprint("pong ", i))
		a.expect(fromB)
		c.expect(fromA, fromB)
	}
}

// The number of messages is not limited, and a client that joins receives none of
// the earlier ones.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	n := scaled(50_000, 2_000_000)
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	c := join(t, srv, "c")
	b.expectNothing(a, c)
}
