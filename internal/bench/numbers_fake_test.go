package bench

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A numberedServer is a framedServer that speaks Numbers. What it says wrong can be
// chosen.
type numberedServer struct {
	*framedServer
	places   map[uint64]int // of messages in the order of all, by their identity
	clients  map[int]*numberedClient
	misframe func(number int, b []byte) []byte // what is before a frame's messages and those, or nil
}

type numberedClient struct {
	next int // place
}

const (
	fakeEpoch = 7
	fakeFirst = 100 // the number of the first message
)

func newNumberedServer(t testing.TB) *numberedServer {
	f := &numberedServer{
		framedServer: &framedServer{fakeServer: new(fakeServer), t: t, answers: make(map[int]string), rest: make(map[int][]byte)},
		places:       make(map[uint64]int), clients: make(map[int]*numberedClient),
	}
	f.subprotocol = Numbers
	f.fault = func(d delivery) []byte {
		identity, _ := getNumeral(d.own[identityAt:])
		f.places[identity] = d.place
		return d.message
	}
	return f
}

func (f *numberedServer) wait(until time.Time, h handler) error {
	f.framedServer.handler = h
	if err := f.answer(h); err != nil {
		return err
	}
	if err := f.fakeServer.wait(until, f); err != nil {
		return err
	}
	for number, c := range f.clients {
		if own := f.messages - c.next; own > 0 && len(f.fakeServer.clients[number].inbox)+len(f.rest[number]) == 0 {
			if err := f.frame(number, f.messages, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *numberedServer) received(number int, b []byte, _ time.Duration) error {
	b = append(f.rest[number], b...)
	for ; len(b) >= wire.Size; b = b[wire.Size:] {
		m := b[:wire.Size]
		identity, _ := getNumeral(m[identityAt:])
		if err := f.frame(number, f.places[identity], m); err != nil {
			return err
		}
	}
	f.rest[number] = b
	return nil
}

// frame sends a client the message at a place, or none.
func (f *numberedServer) frame(number, place int, message []byte) error {
	c := f.clients[number]
	if c == nil {
		c = new(numberedClient)
		f.clients[number] = c
		b := f.number(0)
		b = binary.BigEndian.AppendUint64(b, fakeEpoch)
		b = binary.BigEndian.AppendUint64(b, 0)
		if err := f.pass(number, append(b, message...)); err != nil {
			return err
		}
		return f.pass(number, f.number(0))
	}
	if c.next = place; len(message) > 0 {
		c.next++
	}
	return f.pass(number, append(f.number(place), message...))
}

func (f *numberedServer) number(place int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(fakeFirst+place))
	return binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMilli()))
}

func (f *numberedServer) pass(number int, b []byte) error {
	if f.misframe != nil {
		b = f.misframe(number, b)
	}
	if b == nil {
		return nil
	}
	return f.handler.received(number, serverFrame(websocket.BitFinal|websocket.OpBinary, b), 0)
}

// A server that numbers messages as it should passes; whatever it says wrong is found.
func TestNumbers(t *testing.T) {
	const place = fakeFirst + bad
	number := func(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
	// once returns what changes one frame that has messages, the first to a client
	// that says a number from the bad one on.
	once := func(client int, of func(b []byte) []byte) func(int, []byte) []byte {
		done := false
		return func(to int, b []byte) []byte {
			if to != client || done || number(b) < place || len(b) != numberSize+wire.Size {
				return b
			}
			done = true
			return of(b)
		}
	}
	add := func(at int, n uint64) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[at:], binary.BigEndian.Uint64(b[at:])+n)
			return b
		}
	}
	// shifted has all numbers to a client be others, from the bad one on.
	shifted := func(client int, by uint64) func(int, []byte) []byte {
		return func(to int, b []byte) []byte {
			if to == client && number(b) >= place {
				add(0, by)(b)
			}
			return b
		}
	}
	first := func(of func(b []byte) []byte) func(int, []byte) []byte {
		return func(to int, b []byte) []byte {
			if to == 2 && len(b) == admissionSize+wire.Size {
				return of(b)
			}
			return b
		}
	}
	for _, test := range []struct {
		what     string
		misframe func(number int, b []byte) []byte
		want     string // nothing is wrong if empty
	}{
		{"right", nil, ""},
		{"too great a number", once(aListener, add(0, 1)), "client 5 is told of 1 message of its own, and it sends none"},
		{"the same number again", once(aListener, add(0, ^uint64(0))), "client 5: a frame has the number 141, where 142 was next"},
		{"too many own", shifted(aSender, 500), "client 1 is told of 5"},
		{"own before it was sent", once(aSender, add(0, 1)), "client 1 is told of 1 message of its own, of 0"},
		{"never told of its last", func(to int, b []byte) []byte {
			if to == 0 && len(b) == numberSize && number(b) > fakeFirst {
				return nil
			}
			return b
		}, "1 of 1000 messages were not acknowledged within 10s after the last was due: client 0 is not told the number of message 333 of sender 0, its own"},
		{"a frame of nothing", once(aListener, func(b []byte) []byte { return add(0, ^uint64(0))(b[:numberSize]) }), "a frame has the number"},
		{"an hour ago", once(aListener, add(8, ^uint64(3600_000))), "client 5 is told that the server received"},
		{"in an hour", once(aListener, add(8, 3600_000)), "client 5 is told that the server received"},
		{"a sender's name", once(aListener, func(b []byte) []byte { return append(b, make([]byte, wire.NameSize)...) }), "a frame says that its message does not have its sender's name"},
		{"no whole messages", once(aListener, func(b []byte) []byte { return b[:100] }), "client 5: a frame has 100 bytes, where 16 and whole messages belong"},
		{"no number", once(aListener, func(b []byte) []byte { return b[:8] }), "client 5: a frame has 8 bytes"},
		{"an admission without a number", first(func(b []byte) []byte { return b[admissionSize:] }), "client 2: the first frame has 512 bytes, where 32 and the echo belong"},
		{"no epoch", first(add(numberSize, ^uint64(fakeEpoch-1))), "client 2: the first frame has the number 100 and the epoch 0"},
		{"another epoch", first(add(numberSize, 1)), "client 2: the server says that the epoch is 0000000000000008, and said 0000000000000007 to others"},
		{"known", first(add(numberSize+8, 1)), "client 2: the server says that the messages up to number 1 are known"},
		{"another first number", first(add(0, 1)), "client 2: the server says that number 101 comes next, and said 100 to others: messages came before any client had sent one"},
		{"never caught up", func(to int, b []byte) []byte {
			if to == 2 && len(b) == numberSize && number(b) == fakeFirst {
				return nil
			}
			return b
		}, "the server lets nobody in any more"},
		{"caught up twice", func(to int, b []byte) []byte {
			if to == aListener && number(b) == place {
				return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, place), 0)
			}
			return b
		}, "client 5: a frame says nothing"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{Clients: 10, Senders: 3, Rate: 1000, Duration: time.Second, Dialect: Chat("key")}
			c.Dialect.WebSocket = &WebSocket{Path: "/ws"}
			f := newNumberedServer(t)
			f.misframe = test.misframe
			report, err := simulate(t, c, f)
			switch {
			case test.want == "":
				if err != nil || report.Verified == 0 || report.Subprotocol != Numbers {
					t.Errorf("got %+v, %v", report, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}
