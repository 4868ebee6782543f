package bench

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A framedServer is a fakeServer whose clients come through WebSockets.
type framedServer struct {
	*fakeServer
	t       testing.TB
	handler handler
	answers map[int]string // to those that have asked for one
	rest    map[int][]byte // beginnings of messages, which are framed when they are whole

	subprotocol string // that it speaks
}

var (
	_ transport = (*framedServer)(nil)
	_ handler   = (*framedServer)(nil)
)

func (f *framedServer) write(number int, b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("GET ")) {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			f.t.Fatal(err)
		}
		f.answers[number] = accepted(request.Header.Get("Sec-WebSocket-Key"))
		if asked := request.Header.Get("Sec-WebSocket-Protocol"); f.subprotocol != "" && asked == f.subprotocol {
			f.answers[number] = agreed(request.Header.Get("Sec-WebSocket-Key"), asked)
		}
		return len(b), nil
	}
	for rest := b; len(rest) > 0; {
		var payload []byte
		_, payload, rest = unmask(f.t, rest)
		f.fakeServer.write(number, payload)
	}
	return len(b), nil
}

func (f *framedServer) wait(until time.Time, h handler) error {
	f.handler = h
	if err := f.answer(h); err != nil {
		return err
	}
	return f.fakeServer.wait(until, f)
}

func (f *framedServer) answer(h handler) error {
	for number, answer := range f.answers {
		delete(f.answers, number)
		if err := h.received(number, []byte(answer), 0); err != nil {
			return err
		}
	}
	return nil
}

func (f *framedServer) connected(number int) error          { return f.handler.connected(number) }
func (f *framedServer) writable(number int) error           { return f.handler.writable(number) }
func (f *framedServer) ended(number int, cause error) error { return f.handler.ended(number, cause) }

func (f *framedServer) received(number int, b []byte, ago time.Duration) error {
	b = append(f.rest[number], b...)
	whole := wire.Whole(len(b))
	f.rest[number] = b[whole:]
	if whole == 0 {
		return nil
	}
	return f.handler.received(number, serverFrame(websocket.BitFinal|websocket.OpBinary, b[:whole]), ago)
}

// Whatever a server does wrong is found in WebSockets too, and what is right
// passes.
func TestWrongServerOverWebSockets(t *testing.T) {
	back := func(d delivery) []byte {
		if d.place == bad && d.to == d.from {
			return d.own
		}
		return d.message
	}
	for _, test := range []struct {
		what  string
		fault fault
		want  string
	}{
		{"right", nil, ""},
		{"lost", instead(aListener, lose), "that is lost"},
		{"doubled", instead(aListener, double), "a second time"},
		{"swapped", swap(aListener), "client 5 received"},
		{"changed", instead(aSender, change(200)), "changed: its byte 200 is"},
		{"back to its sender", back, "got back"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{Clients: 10, Senders: 3, Rate: 1000, Duration: time.Second, Dialect: Chat("key")}
			c.Dialect.WebSocket = &WebSocket{Path: "/ws"}
			f := &framedServer{
				fakeServer: &fakeServer{fault: test.fault}, t: t, answers: make(map[int]string), rest: make(map[int][]byte),
			}
			report, err := simulate(t, c, f)
			switch {
			case test.fault == nil:
				if err != nil || report.Verified == 0 {
					t.Errorf("got %+v, %v", report, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}
