//go:build linux

package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/wire"
)

// A fanOut is one loop over the real kernel, run by the test, with a sender and
// receivers at the other ends of socket pairs.
type fanOut struct {
	t         testing.TB
	loop      *loop
	room      *Room
	sender    int
	receivers []receiver
	scratch   []byte
	link      *benchLink // nil unless the room relays
}

// A receiver is a member, and the other end of its connection.
type receiver struct {
	*conn
	fd int
}

// newFanOut returns a fan-out to receivers of some framing, from a sender without any.
func newFanOut(t testing.TB, receivers int, framing framing) *fanOut {
	t.Helper()
	return newFanOutIn(t, RoomConfig{Key: "key", Backlog: 32 << 20}, receivers, framing)
}

// newFanOutIn returns a fan-out in a room with some settings.
func newFanOutIn(t testing.TB, c RoomConfig, receivers int, framing framing) *fanOut {
	t.Helper()
	poller, err := netpoll.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(poller.Destroy)
	logger := slog.New(slog.DiscardHandler)
	memory := newMemory(logger)
	r := newRoom(c, 1, newPool(memory))
	sending := new(sendChoice)
	sending.learn(standardTrial)
	out := output{memory: memory, sending: sending, logger: logger, limits: standardSend}
	limits := limits{stall: time.Minute, ping: time.Hour}
	f := &fanOut{
		t:       t,
		loop:    newLoop(poller, 0, out, newIdentities(), newPasses(), limits, new(atomic.Bool)),
		room:    r,
		scratch: make([]byte, 1<<20),
	}
	if c.Relay {
		f.link = newBenchLink(r)
	}
	f.sender = f.join(raw).fd
	for range receivers {
		f.receivers = append(f.receivers, f.join(framing))
	}
	f.loop.audiences.of(r).turnOutput()
	t.Cleanup(func() {
		f.loop.shutdown()
		r.endLogs()
		if f.link != nil {
			f.link.follower.Close()
		}
	})
	return f
}

// mostPairs returns how many socket pairs may be open, n at most.
func mostPairs(t testing.TB, n int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const others = 100
	return min(n, (int(limit.Cur)-others)/2)
}

// join adds a member.
func (f *fanOut) join(framing framing) receiver {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { unix.Close(fds[1]) })
	c := &conn{fd: int32(fds[0]), audience: -1, index: -1, framing: framing}
	c.ID = uint64(len(f.receivers) + 1)
	c.Name, c.Addr = fanOutName, netip.AddrPort{}
	if errno := f.loop.table.register(f.loop.kernel, c, netpoll.Readable); errno != 0 {
		f.t.Fatal(errno)
	}
	f.room.enter(0)
	f.loop.inbox.count(f.room, 1)
	f.loop.admit(assignment{conn: c, room: f.room, join: f.room.log.Join(func() {})})
	f.loop.audiences.settle()
	return receiver{c, fds[1]}
}

// fanOutName is the name of all members, and of their messages.
const fanOutName = "somebody"

func fanOutMessages(n int) []byte {
	m, err := wire.New(fanOutName, "")
	if err != nil {
		panic(err)
	}
	return bytes.Repeat(m[:], n)
}

// send sends messages, runs the loop, and takes what the receivers receive.
func (f *fanOut) send(messages []byte) {
	if n, err := unix.Write(f.sender, messages); n != len(messages) {
		f.t.Fatalf("sent %d bytes: %v", n, err)
	}
	log := f.room.log
	for want := log.Head() + broadcast.Position(len(messages)); log.Head() < want; {
		f.turn()
	}
	for _, r := range f.receivers {
		for got := 0; ; f.turn() {
			isAll := r.cursor == log.Head() && r.lag == nil
			n, errno := f.loop.kernel.Read(r.fd, f.scratch)
			if errno != 0 && errno != syscall.EAGAIN {
				f.t.Fatalf("a receiver has %d bytes of %d of messages: %v", got, len(messages), errno)
			}
			got += max(n, 0)
			if isAll {
				if got < len(messages) {
					f.t.Fatalf("a receiver has %d bytes of %d of messages", got, len(messages))
				}
				break
			}
		}
	}
}

func (f *fanOut) turn() {
	if running, err := f.loop.turn(); !running || err != nil {
		f.t.Fatalf("the loop ends: %v", err)
	}
	if f.link != nil {
		f.link.bringBack(f.t)
	}
}

// A benchLink delivers at once what it takes from a room that relays.
type benchLink struct {
	room     *Room
	follower *broadcast.Follower
	entries  [128]broadcast.Entry
	batch    *broadcast.Batch
}

func newBenchLink(r *Room) *benchLink {
	return &benchLink{room: r, follower: broadcast.NewGroup().Named("cluster").FollowLossless(r.Outgoing(), nil), batch: broadcast.NewBatch(MaxDelivery)}
}

func (l *benchLink) bringBack(t testing.TB) {
	for n := l.follower.Take(l.entries[:]); n > 0; n = l.follower.Take(l.entries[:]) {
		for i := range l.entries[:n] {
			e := &l.entries[i]
			l.batch.Add(e.From, copy(l.batch.Free(), e.Message[:]))
		}
		if !l.room.Deliver(l.batch, l.entries[0].Time) {
			t.Fatal("a room that is free refuses a delivery")
		}
	}
}

// A message is not allocated for on its way through a loop, whether it is sent by
// copy or by reference.
func TestFanOutAllocatesNothing(t *testing.T) {
	for _, test := range []struct {
		what            string
		receivers, size int
		by              int
	}{
		{"one message, by copy", 4, wire.Size, 1 << 30},
		{"many messages, by copy", 4, 64 * wire.Size, 1 << 30},
		{"many messages, by reference", 4, 64 * wire.Size, 1},
	} {
		for _, framing := range framings {
			t.Run(framing.what+", "+test.what, func(t *testing.T) {
				f := newFanOut(t, test.receivers, framing.framing)
				f.loop.common.output.limits.reference, f.loop.common.output.limits.members = test.by, 1
				messages := fanOutMessages(test.size / wire.Size)
				for range 10_000 / (test.size / wire.Size) { // through all segments it will use
					f.send(messages)
				}
				if n := testing.AllocsPerRun(100, func() { f.send(messages) }); n != 0 {
					t.Errorf("%v allocations for %d messages", n, test.size/wire.Size)
				}
			})
		}
	}
}

// Nor is it in a room that relays.
func TestRelayedFanOutAllocatesNothing(t *testing.T) {
	for _, framing := range framings {
		t.Run(framing.what, func(t *testing.T) {
			f := newFanOutIn(t, relayed, 4, framing.framing)
			messages := fanOutMessages(64)
			for range 200 {
				f.send(messages)
			}
			if n := testing.AllocsPerRun(100, func() { f.send(messages) }); n != 0 {
				t.Errorf("%v allocations for 64 messages", n)
			}
		})
	}
}

// relayed are the settings of a room that relays.
var relayed = RoomConfig{Key: "key", Backlog: 32 << 20, Relay: true}

// Nor is it while the room has a rate.
func TestRateAllocatesNothing(t *testing.T) {
	f := newFanOut(t, 4, raw)
	f.room.rate.Store(newRateLimit(plentyRate))
	messages := fanOutMessages(1)
	for range 10_000 {
		f.send(messages)
	}
	if n := testing.AllocsPerRun(100, func() { f.send(messages) }); n != 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

// plentyRate is a rate that no test reaches.
var plentyRate = Rate{Messages: 1_000_000_000, Per: time.Second, Burst: 1_000_000}

// framings are those of receivers: TCP clients, other clients than the page that speak
// WebSocket, and pages.
var framings = []struct {
	what string
	framing
}{
	{"raw", raw},
	{"webSocket", webSocket},
	{"numbered", numbered},
}

// The cost of reading messages from one client and writing them to many, including
// the receivers' reads.
func BenchmarkFanOut(b *testing.B) {
	for _, receivers := range []int{1, 100, mostPairs(b, 10_000)} {
		for _, messages := range []int{1, 64, 128} {
			for _, framing := range framings {
				b.Run(fmt.Sprintf("%d receivers/%d messages/%s", receivers, messages, framing.what), func(b *testing.B) {
					fanOutAll(b, newFanOut(b, receivers, framing.framing), messages)
				})
			}
		}
	}
}

// The cost of the same in a room that relays, without what is between the link and itself.
func BenchmarkRelayedFanOut(b *testing.B) {
	for _, receivers := range []int{1, 100, mostPairs(b, 10_000)} {
		for _, messages := range []int{1, 64, 128} {
			for _, framing := range framings {
				b.Run(fmt.Sprintf("%d receivers/%d messages/%s", receivers, messages, framing.what), func(b *testing.B) {
					fanOutAll(b, newFanOutIn(b, relayed, receivers, framing.framing), messages)
				})
			}
		}
	}
}

// fanOutAll sends messages as often as a benchmark wants.
func fanOutAll(b *testing.B, f *fanOut, messages int) {
	sent := fanOutMessages(messages)
	b.ReportAllocs()
	for b.Loop() {
		f.send(sent)
	}
	deliveries := float64(b.N) * float64(len(f.receivers)) * float64(messages)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
}

// What it costs a loop to measure what it sends, for each lap: a wake-up that sends
// large batches, or some megabytes of one.
func BenchmarkLap(b *testing.B) {
	for _, test := range []struct {
		what string
		rest float64 // bytes
	}{
		{"between trials", 1e18},
		{"in a trial", 0},
	} {
		b.Run(test.what, func(b *testing.B) {
			l := newFanOut(b, 1, raw).loop
			l.common.output.sending.chooser.rest = test.rest
			l.common.output.sending.chooser.limits.skip = 1 << 62
			l.common.output.sending.add(references, 1, 0)
			b.ReportAllocs()
			for b.Loop() {
				l.common.output.beginLap()
				l.common.output.meter.writes, l.common.output.meter.large, l.common.output.meter.bytes = 1, 1, 1
				l.common.output.endLap()
			}
		})
	}
}
