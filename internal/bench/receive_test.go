package bench

import (
	"net/netip"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A sink is a transport that takes everything.
type sink struct{}

func (sink) connect(int, netip.AddrPort) error  { return nil }
func (sink) write(_ int, b []byte) (int, error) { return len(b), nil }
func (sink) wait(time.Time, handler) error      { return nil }
func (sink) close()                             {}

// A rig feeds a driver with what a right server would deliver.
type rig struct {
	driver *driver
	stream []byte // one burst of messages
}

const (
	rigClients = 100
	rigSenders = 10
	rigBurst   = 200 // messages
)

func newRig(t testing.TB) *rig {
	c := &Config{Clients: rigClients, Senders: rigSenders, Window: rigBurst, Duration: time.Hour, Dialect: Chat("")}
	r := &rig{driver: newDriver(c, sink{}, 1), stream: make([]byte, rigBurst*wire.Size)}
	t.Cleanup(r.driver.recorder.close)
	return r
}

// write makes the next burst: each sender's messages lie together.
func (r *rig) write() {
	d := r.driver
	at := d.now()
	for i := range rigBurst {
		s := &d.senders[i*rigSenders/rigBurst]
		m := message{from: uint32(s.connection), number: s.composed, at: at}
		d.codec.write(r.stream[i*wire.Size:], m)
		s.window.sent(m.number, d.rooms[0].receivers)
		s.composed++
	}
}

// listen delivers the burst to all listeners, in pieces that are not whole
// messages, and returns how many messages that were.
func (r *rig) listen(t testing.TB) int {
	const cut = 100*wire.Size + 77
	for client := rigSenders; client < rigClients; client++ {
		for _, piece := range [][]byte{r.stream[:cut], r.stream[cut:]} {
			if err := r.driver.received(client, piece, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rigBurst * (rigClients - rigSenders)
}

// speak delivers to each sender what the others sent.
func (r *rig) speak(t testing.TB) {
	const share = rigBurst / rigSenders * wire.Size
	for client := range rigSenders {
		for _, others := range [][]byte{r.stream[:client*share], r.stream[(client+1)*share:]} {
			if err := r.driver.received(client, others, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.driver.settle(); err != nil {
		t.Fatal(err)
	}
}

// Receiving a message costs this much besides what the kernel takes for it.
func BenchmarkReceive(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	messages := 0
	for b.Loop() {
		b.StopTimer()
		r.write()
		b.StartTimer()
		messages += r.listen(b)
		b.StopTimer()
		r.speak(b)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
}

// Nothing is allocated for a message, neither sent nor received.
func TestNoAllocations(t *testing.T) {
	r := newRig(t)
	round := func() {
		r.write()
		r.listen(t)
		r.speak(t)
	}
	// At first, lists grow, until the first messages are let go.
	for range 2 * minTrim / rigBurst {
		round()
	}
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("%v allocations to receive %d messages", n, rigBurst*(rigClients-1))
	}
	d := r.driver
	d.measured.end = time.Hour
	if n := testing.AllocsPerRun(10, func() {
		for i := range d.senders {
			d.senders[i].window.done = d.senders[i].composed
		}
		if err := d.send(d.now()); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations to send %d messages", n, rigSenders*rigBurst)
	}
}
