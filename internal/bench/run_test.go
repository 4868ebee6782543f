package bench

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A server that does everything right passes, whatever the load is.
func TestRightServer(t *testing.T) {
	for _, test := range []struct {
		what             string
		clients, senders int
		rate, window     int
	}{
		{"flat out", 20, 3, 0, 3},
		{"at a rate", 20, 3, 500, 0},
		{"everyone sends", 5, 5, 0, 4},
		{"everyone sends at a rate", 5, 5, 777, 0},
		{"two of two send", 2, 2, 0, 16},
		{"one of two sends", 2, 1, 0, 1},
		{"nobody sends", 5, 0, 0, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{
				Clients: test.clients, Senders: test.senders, Rate: test.rate, Window: test.window,
				Warmup: 100 * time.Millisecond, Duration: 1100 * time.Millisecond,
			}
			r, err := simulate(t, c, &fakeServer{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Seconds != 1.1 || len(r.Timeline) != 2 {
				t.Errorf("%v seconds were measured, %d are in the timeline", r.Seconds, len(r.Timeline))
			}
			if sent := r.SentPerSecond; test.rate > 0 && (sent < float64(test.rate)-1 || sent > float64(test.rate)+1) {
				t.Errorf("%v messages were sent a second, want %d", sent, test.rate)
			}
			want := r.SentPerSecond * float64(test.clients-1)
			if got := r.DeliveriesPerSecond; got < 0.99*want || got > 1.01*want {
				t.Errorf("%v deliveries a second, want %v", got, want)
			}
			if (r.Latency != nil) != (test.senders > 0) {
				t.Errorf("latency: %+v", r.Latency)
			}
		})
	}
}

// The message at which the servers below do something wrong, and to whom.
const (
	bad       = 42
	aSender   = 1
	aListener = 5
)

// instead returns a fault: at the bad message, a client is delivered something
// else.
func instead(client int, of func(m []byte) []byte) fault {
	return func(d delivery) []byte {
		if d.to == client && d.place == bad {
			return of(d.message)
		}
		return d.message
	}
}

// swap returns a fault: a client is delivered the bad message after the next.
func swap(client int) fault {
	var kept []byte
	return func(d delivery) []byte {
		switch {
		case d.to != client || d.message == nil:
			return d.message
		case d.place == bad:
			kept = bytes.Clone(d.message)
			return nil
		}
		defer func() { kept = nil }()
		return slices.Concat(d.message, kept)
	}
}

func lose([]byte) []byte     { return nil }
func double(m []byte) []byte { return slices.Concat(m, m) }

// change returns what changes a byte.
func change(at int) func([]byte) []byte {
	return func(m []byte) []byte {
		m = bytes.Clone(m)
		m[at] ^= 1
		return m
	}
}

// Whatever a server does wrong is found, and named.
func TestWrongServer(t *testing.T) {
	anyone := func(d delivery) []byte {
		if d.place == bad && d.message != nil {
			return change(200)(d.message)
		}
		return d.message
	}
	always := func(d delivery) []byte {
		if d.to == aListener && d.message != nil {
			return change(200)(d.message)
		}
		return d.message
	}
	back := func(d delivery) []byte {
		if d.place >= bad && d.to == d.from {
			return d.own
		}
		return d.message
	}
	// The last message of all has no other after it that would show.
	last := func(of func([]byte) []byte) func(d delivery) []byte {
		return func(d delivery) []byte {
			if d.to == aListener && bytes.Contains(d.message, []byte(numeralOf(message{from: 0, number: 333}.identity()))) {
				return of(d.message)
			}
			return d.message
		}
	}
	for _, test := range []struct {
		what  string
		fault fault
		want  string
	}{
		{"lost by a listener", instead(aListener, lose), "client 5 received message 14 of sender 1 where others received message 14 of sender 0 (place 42 in the order of all): that is lost"},
		{"lost by a sender", instead(aSender, lose), "lost"},
		{"doubled to a listener", instead(aListener, double), "a second time"},
		{"doubled to a sender", instead(aSender, double), "a second time"},
		{"swapped for a listener", swap(aListener), "client 5 received"},
		{"swapped for a sender", swap(aSender), "client 1 received"},
		{"changed for a sender", instead(aSender, change(3)), "changed: its byte 3 is"},
		{"changed for all", anyone, "changed: its byte 200 is"},
		{"all changed for a listener", always, "changed: its byte 200 is"},
		{"number changed for a listener", instead(aListener, change(identityAt+12)), "client 5 received what no sender"},
		{"last byte changed for a listener", instead(aListener, change(wire.Size-1)), "changed: its byte 511 is"},
		{"torn", instead(aListener, func(m []byte) []byte { return m[1:] }), "client 5 received what no sender of this run wrote"},
		{"back to its sender", back, "got back"},
		{"last lost", last(lose), "1 of 9000 deliveries did not come"},
		{"last doubled", last(double), "a second time"},
		{"something behind the last", last(func(m []byte) []byte { return slices.Concat(m, m[:100]) }), "client 5 received 100 bytes of a message"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{Clients: 10, Senders: 3, Rate: 1000, Duration: time.Second}
			_, err := simulate(t, c, &fakeServer{fault: test.fault})
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// Two clients are told two orders.
func TestNoCommonOrder(t *testing.T) {
	for _, senders := range []int{3, 10} { // with listeners, and with none
		c := Config{Clients: 10, Senders: senders, Window: 2, Duration: time.Second}
		_, err := simulate(t, c, &fakeServer{fault: swap(7)})
		if err == nil || !strings.Contains(err.Error(), "order") {
			t.Errorf("%d senders: got %v", senders, err)
		}
		t.Log(err)
	}
}

// While a server stalls for half a second, messages go on to be due. Each is
// late since then, and not since the server could take it.
func TestLatencySinceIntended(t *testing.T) {
	const begin, end = 1000 * time.Millisecond, 1500 * time.Millisecond
	stalls := func(now time.Duration) bool { return begin <= now && now < end }
	for _, test := range []struct {
		what string
		fake *fakeServer
	}{
		{"it delivers nothing", &fakeServer{silent: stalls}},
		{"it takes nothing", &fakeServer{full: stalls}},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{Clients: 10, Senders: 2, Rate: 1000, Duration: 5 * time.Second}
			r, err := simulate(t, c, test.fake)
			if err != nil {
				t.Fatal(err)
			}
			// A tenth of all messages was due in that time: every one of them
			// waited, 250 ms in the middle.
			within := func(what string, got Micros, least, most time.Duration) {
				t.Helper()
				if got < micros(least) || got > micros(most) {
					t.Errorf("%s is %.0f µs, want %v to %v", what, got, least, most)
				}
			}
			within("p50", r.Latency.P50, 0, 3*time.Millisecond)
			within("p90", r.Latency.P90, 0, 5*time.Millisecond)
			within("p99", r.Latency.P99, 440*time.Millisecond, 460*time.Millisecond)
			within("max", r.Latency.Max, 495*time.Millisecond, 505*time.Millisecond)
			if r.Latency.Since != sinceIntended {
				t.Errorf("counted since %s", r.Latency.Since)
			}
			if r.Generator.LateP99 > 2000 {
				t.Errorf("the generator says that it was %.0f µs late, which the server was", r.Generator.LateP99)
			}
		})
	}
}

// A server that can't keep up, or ends, or falls silent, is reported.
func TestFailingServer(t *testing.T) {
	after := func(d time.Duration) func(time.Duration) bool {
		return func(now time.Duration) bool { return now > d }
	}
	for _, test := range []struct {
		what string
		fake *fakeServer
		want string
	}{
		{"ends", &fakeServer{ends: 100}, "the server ended, or it dropped client 3: EOF"},
		{
			"takes no more", &fakeServer{full: after(time.Second / 2)},
			"the server can't take 1000 messages a second: 10s after the time was up, ",
		},
		{
			"delivers no more", &fakeServer{silent: after(time.Second / 2)},
			" deliveries did not come within 10s after the last message was due: no client received message ",
		},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := Config{Clients: 10, Senders: 2, Rate: 1000, Duration: time.Second}
			_, err := simulate(t, c, test.fake)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// Other members of the room are no part of the run.
func TestStranger(t *testing.T) {
	stranger := func(d delivery) []byte {
		if d.place == bad && d.to == aListener {
			var m wire.Message
			copy(m[:], "eve")
			return slices.Concat(m[:], d.message)
		}
		return d.message
	}
	c := Config{Clients: 10, Senders: 2, Rate: 1000, Duration: time.Second}
	_, err := simulate(t, c, &fakeServer{fault: stranger})
	if want := `client 5 received what no sender of this run wrote: name "eve", text ""`; err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}
