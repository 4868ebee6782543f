//go:build linux

package torture

import (
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A relay passes on what a client and a server say to each other, except for a fault.
type relay struct {
	toClient, toServer func(n int64, last, m wire.Message) []wire.Message // what is passed on for the nth message of a connection
	isDone             atomic.Bool                                        // the change has been made
}

// listen returns where clients reach the server at an address through the relay.
func (r *relay) listen(t testing.TB, server string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			go r.pass(near, far, r.toClient)
			go r.pass(far, near, r.toServer)
		}
	}()
	return listener.Addr().String()
}

func (r *relay) pass(to, from net.Conn, change func(int64, wire.Message, wire.Message) []wire.Message) {
	defer to.Close()
	var m, last wire.Message
	for n := range int64(1 << 20) {
		if _, err := io.ReadFull(from, m[:]); err != nil {
			return
		}
		passed := []wire.Message{m}
		if change != nil && n > 0 { // the first is the key, or its echo
			passed = change(n, last, m)
		}
		last = m
		for _, m := range passed {
			if _, err := to.Write(m[:]); err != nil {
				return
			}
		}
		if change != nil && n > nth+1 {
			r.isDone.Store(true)
		}
	}
}

// nth is the message of a connection that a relay changes.
const nth = 8

// A load notices what a relay does to one message of each connection.
func TestFaultyRelay(t *testing.T) {
	t.Parallel()
	type change = func(int64, wire.Message, wire.Message) []wire.Message
	at := func(instead func(last, m wire.Message) []wire.Message) change {
		return func(n int64, last, m wire.Message) []wire.Message {
			if n == nth {
				return instead(last, m)
			}
			return []wire.Message{m}
		}
	}
	s := startServer(t, "relayed", network()+"11")
	for name, test := range map[string]struct {
		relay *relay
		want  Class
	}{
		"drops":    {&relay{toClient: at(func(_, _ wire.Message) []wire.Message { return nil })}, Missing},
		"doubles":  {&relay{toClient: at(func(_, m wire.Message) []wire.Message { return []wire.Message{m, m} })}, Doubled},
		"repeats":  {&relay{toClient: at(func(last, m wire.Message) []wire.Message { return []wire.Message{m, last} })}, Doubled},
		"loses":    {&relay{toServer: at(func(_, _ wire.Message) []wire.Message { return nil })}, Lost},
		"sends on": {&relay{toServer: at(func(_, m wire.Message) []wire.Message { return []wire.Message{m, m} })}, Doubled},
		"damages": {&relay{toClient: at(func(_, m wire.Message) []wire.Message {
			m[wire.Size-1]++
			return []wire.Message{m}
		})}, Foreign},
		"swaps": {&relay{toClient: func(n int64, last, m wire.Message) []wire.Message {
			switch n {
			case nth:
				return nil
			case nth + 1:
				return []wire.Message{m, last}
			}
			return []wire.Message{m}
		}}, Disorder},
	} {
		t.Run(name, func(t *testing.T) {
			through := s.address
			through.chat = test.relay.listen(t, s.chat)
			l := startLoad(t, 2, []address{s.address, through}, 4, 1, 20*time.Millisecond)
			if !eventually(time.Minute, test.relay.isDone.Load) {
				t.Fatal("too few messages came through the relay")
			}
			l.settle(15 * time.Second)
			faults := Check(l.finish())
			if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Class == test.want }) {
				t.Errorf("a relay that %s is not noticed: %v", name, faults)
			}
			t.Log(faults)
		})
	}
	s.finish(t)
}
