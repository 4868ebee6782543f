package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// foreign is a dialect with all there can be.
func foreign() Dialect {
	d := Chat("")
	d.Publish = Envelope{Before: "PUB\r\n", After: "!\r\n"}
	d.Deliver = Envelope{Before: "MESSAGE 512\r\n", After: "\r\n"}
	d.Ignore = []byte("PING\r\n")
	d.AnyOrder = true
	d.Apart = true
	return d
}

// Messages are taken out of their envelopes wherever the stream is cut.
func TestEnvelopes(t *testing.T) {
	const messages = 20
	for size := 1; size < 1200; size += 7 {
		d := newDriver(&Config{Clients: 2, Senders: 3, Window: messages, Duration: time.Hour, Dialect: foreign()}, sink{}, 1)
		var stream []byte
		for i := range messages {
			stream = append(stream, d.dialect.Deliver.Before...)
			stream = append(stream, make([]byte, wire.Size)...)
			d.codec.write(stream[len(stream)-wire.Size:], message{from: uint32(i % 3), number: uint32(i / 3)})
			stream = append(stream, d.dialect.Deliver.After...)
			if i%4 == 0 {
				stream = append(stream, d.dialect.Ignore...)
			}
		}
		for len(stream) > 0 {
			n := min(size, len(stream))
			if err := d.received(1, stream[:n], 0); err != nil {
				t.Fatalf("in pieces of %d bytes: %v", size, err)
			}
			stream = stream[n:]
		}
		if d.deliveries != messages || len(d.clients[1].rest) > 0 {
			t.Errorf("in pieces of %d bytes: %d messages and %d bytes more", size, d.deliveries, len(d.clients[1].rest))
		}
		d.recorder.close()
	}
}

// What is sent is in its envelope too. Senders that are apart receive nothing.
func TestSendersApart(t *testing.T) {
	c := &Config{Clients: 2, Senders: 1, Window: 1, Duration: time.Hour, Dialect: foreign()}
	transport := &keeper{}
	d := newDriver(c, transport, 1)
	defer d.recorder.close()
	if err := d.send(0); err != nil {
		t.Fatal(err)
	}
	b := transport.written
	if transport.number != 2 || len(b) != wire.Size+8 || string(b[:5]) != "PUB\r\n" || string(b[len(b)-3:]) != "!\r\n" {
		t.Errorf("connection %d sends %q", transport.number, b)
	}
	if n := d.rooms[0].receivers; n != 2 {
		t.Errorf("%d clients receive a message, want 2", n)
	}
	if err := d.received(2, []byte("whatever"), 0); err != nil {
		t.Errorf("what a sender is told is not ignored: %v", err)
	}
}

// A keeper keeps what is written last.
type keeper struct {
	sink
	number  int
	written []byte
}

func (k *keeper) write(number int, b []byte) (int, error) {
	k.number, k.written = number, append([]byte(nil), b...)
	return len(b), nil
}

// A stream that is out of step is noticed.
func TestBrokenEnvelope(t *testing.T) {
	d := foreign()
	for _, stream := range []string{
		"MESSAGE 511\r\n" + strings.Repeat("x", wire.Size+2),
		"MESSAGE 512\r\n" + strings.Repeat("x", wire.Size+2),
	} {
		if _, _, err := d.unwrap([]byte(stream), nil); err == nil || !strings.Contains(err.Error(), "where a message was to begin") {
			t.Errorf("%.20q: %v", stream, err)
		}
	}
}

// Only the very same message is an echo.
func TestEcho(t *testing.T) {
	d := Chat("key")
	hello := d.Hello("alice", true)
	if whole, err := d.Welcome(hello, hello[:511]); whole || err != nil {
		t.Errorf("a part of the echo: %v, %v", whole, err)
	}
	if whole, err := d.Welcome(hello, hello); !whole || err != nil {
		t.Errorf("the echo: %v, %v", whole, err)
	}
	if _, err := d.Welcome(hello, d.Hello("bob", true)); err == nil {
		t.Error("another message passes for the echo")
	}
}

// A client of a chat room is in when it has its echo, and nothing else.
func TestWelcome(t *testing.T) {
	d := Chat("key")
	hello := d.Hello("bench-0", true)
	for _, test := range []struct {
		what   string
		answer []byte
		whole  bool
		fails  bool
	}{
		{"nothing yet", nil, false, false},
		{"a part of the echo", hello[:100], false, false},
		{"the echo", hello, true, false},
		{"something else", d.Hello("bench-1", true), false, true},
		{"the echo and a message", slices.Concat(hello, hello), false, true},
	} {
		whole, err := d.Welcome(hello, test.answer)
		if whole != test.whole || (err != nil) != test.fails {
			t.Errorf("%s: %v, %v", test.what, whole, err)
		}
	}
}
