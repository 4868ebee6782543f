//go:build linux

package server

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// However much one member floods, and at whatever rate others read, messages of
// the other members are published within a second, and a client that reads at a
// modest pace is never disconnected and loses nothing.
//
// SOP_CHAT_SIM_HOURS sets how many hours are simulated.
func TestTalkIsHeardDuringFloods(t *testing.T) {
	if s := os.Getenv("SOP_CHAT_SIM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SOP_CHAT_SIM_SEED is %q, want a number", s)
		}
		talkDuringFlood(t, seed)
		return
	}
	hours := 0.7
	if s := os.Getenv("SOP_CHAT_SIM_HOURS"); s != "" {
		var err error
		if hours, err = strconv.ParseFloat(s, 64); err != nil {
			t.Fatalf("SOP_CHAT_SIM_HOURS is %q, want a number", s)
		}
	}
	for seed := uint64(1); seed <= uint64(hours*float64(time.Hour/floodTime)) && !t.Failed(); seed++ {
		talkDuringFlood(t, seed)
	}
}

const (
	// floodTime is how long one flood lasts: longer than the time within which a
	// member's holds are counted.
	floodTime = 20 * time.Minute
	fairTick  = 20 * time.Millisecond
)

// A fairClient is a client that behaves in one way.
type fairClient struct {
	*simClient
	habit  habit
	nextAt time.Time // when it acts next
}

// A habit is how a client behaves: act is what it does at each tick.
type habit struct {
	what string
	act  func(w *fairWorld, c *fairClient)
	// pace is how many bytes a second it reads at least; 0: it may be disconnected.
	pace float64
	// inFrames is set if it is a WebSocket.
	inFrames bool
}

// A fairWorld is a world of floods and talk.
type fairWorld struct {
	*world
	all    []*fairClient
	delays []time.Duration // of the talk
	sentAt map[*simClient]time.Time
	gone   map[string]int // how many were disconnected, by habit
}

func talkDuringFlood(t *testing.T, seed uint64) {
	t.Helper()
	w := &fairWorld{world: emptyWorld(seed), sentAt: make(map[*simClient]time.Time), gone: make(map[string]int)}
	w.config = simConfig{loops: 1 + w.rng.IntN(3)}
	w.begin()
	room := w.addRoom(simRoomConfig{first: 1, backlog: 256 << 10 << w.rng.IntN(5)})
	for _, l := range w.loops {
		l.common.output.limits.write = maxWrite
	}
	defer reportFailure(t, seed)

	flooders := 1 + w.rng.IntN(2)
	for range flooders {
		w.add(habit{what: "floods", act: (*fairWorld).flood})
	}
	for range 2 + w.rng.IntN(4) {
		w.add(habit{what: "talks", act: (*fairWorld).talk, pace: 1e9})
	}
	reading := readingHabits(w.rng.IntN(1000))
	for range 1 + w.rng.IntN(3) {
		w.add(reading[w.rng.IntN(len(reading))])
	}
	pressed, held := time.Duration(0), time.Duration(0)
	for end := w.now.Add(floodTime); w.now.Before(end); w.now = w.now.Add(fairTick) {
		w.tick()
		if room.room.log.Pressed() {
			pressed += fairTick
		}
		if room.room.log.Held() {
			held += fairTick
		}
	}
	slices.Sort(w.delays)
	p99 := w.delays[len(w.delays)*99/100]
	t.Logf("seed %d: %d flood, %d messages of %d others delayed by %v (p99), %v at most; pressed for %v, held for %v; gone: %v",
		seed, flooders, len(w.delays), len(w.all)-flooders, p99, w.delays[len(w.delays)-1], pressed, held, w.gone)
	if worst := w.delays[len(w.delays)-1]; worst > 2*simStallTimeout {
		t.Errorf("seed %d: talk is published after %v", seed, worst)
	}
	if p99 > time.Second {
		t.Errorf("seed %d: talk is published after %v (p99)", seed, p99)
	}
	if len(room.oracle.order) < 1000 {
		t.Errorf("seed %d: only %d messages were published in a flood", seed, len(room.oracle.order))
	}
}

// readingHabits returns ways to read while others flood; variant changes some of
// them a little.
func readingHabits(variant int) []habit {
	sip := func(bytes int, every time.Duration) func(*fairWorld, *fairClient) {
		return func(w *fairWorld, c *fairClient) {
			if !w.now.Before(c.nextAt) {
				c.take(bytes)
				c.nextAt = w.now.Add(every)
			}
		}
	}
	steady := func(rate float64) func(*fairWorld, *fairClient) {
		return func(w *fairWorld, c *fairClient) {
			c.due += rate * fairTick.Seconds()
			c.take(int(c.due))
			c.due -= float64(int(c.due))
		}
	}
	const kb = 1000
	return []habit{
		{what: "never reads", act: func(*fairWorld, *fairClient) {}},
		{what: "sips 70 KB every 9 s", act: sip(70*kb, 9*time.Second)},
		{what: "sips a little", act: sip(1+variant*100, time.Second)},
		{what: "sips enough", act: sip(broadcast.SegmentSize*5/4, 5*time.Second), pace: 16 * kb},
		{what: "gulps and rests", act: sip(400*kb, 20*time.Second)},
		{what: "gulps", act: sip(200*kb, 8*time.Second), pace: 25 * kb},
		{what: "gulps a lot and rests", act: sip(100<<20, time.Duration(variant)*100*time.Millisecond)},
		{what: "reads 20 KB/s", act: steady(20 * kb), pace: 20 * kb},
		{what: "reads 100 KB/s", act: steady(100 * kb), pace: 100 * kb},
	}
}

func (w *fairWorld) add(h habit) {
	c := &simClient{world: w.world, room: w.rooms[0], number: w.born, key: w.rooms[0].key(), next: -1, eager: h.pace > 1e8}
	w.born++
	c.socket = &socket{
		peer:   c,
		addr:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(c.number)),
		fd:     -1,
		openAt: w.now,
		inCap:  256 << 10,
		outCap: 512 << 10,
	}
	w.clients = append(w.clients, c)
	if h.inFrames {
		c.web = new(simWebSocket)
		w.install(c.socket)
		w.handoff.put(Adopted{FD: c.socket.fd, Peer: c.socket.addr, Remote: c.socket.addr.Addr(), WebSocket: true})
	} else {
		w.arriving = append(w.arriving, c.socket)
	}
	c.queue(0)
	c.push()
	w.all = append(w.all, &fairClient{simClient: c, habit: h})
}

// tick has every client act, and runs the loops until they have nothing to do.
func (w *fairWorld) tick() {
	for i, c := range w.all {
		if c.left {
			w.gone[c.habit.what]++
			if c.habit.pace > 0 {
				w.failf("one that %s is disconnected: %s", c.habit.what, c.reason)
			}
			w.all = slices.Delete(w.all, i, i+1) // and joins again
			w.add(c.habit)
			break
		}
	}
	for _, c := range w.all {
		if len(c.sending) > 0 {
			c.push()
		}
		c.habit.act(w, c)
	}
	for {
		did := w.publishAll()
		for _, l := range w.loops {
			if l.kernel.(*simKernel).mayRun(l) {
				w.turn(l)
				did = true
			}
		}
		for _, c := range w.all {
			if c.eager && len(c.socket.out) > 0 {
				c.take(len(c.socket.out))
				did = true
			}
		}
		if !did {
			break
		}
	}
	for c, since := range w.sentAt {
		if c.published == c.sent {
			w.delays = append(w.delays, w.now.Sub(since))
			delete(w.sentAt, c)
		} else if w.now.Sub(since) > time.Minute {
			w.failf("%v is not published for a minute", c)
		}
	}
}

// flood keeps a client's socket full.
func (w *fairWorld) flood(c *fairClient) {
	c.take(len(c.socket.out))
	for c.echoed && len(c.sending) < 64<<10 {
		c.sent++
		c.queue(c.sent)
	}
}

// talk sends a message now and then, and sometimes a few at once.
func (w *fairWorld) talk(c *fairClient) {
	if !c.echoed || w.now.Before(c.nextAt) || len(c.sending) > 0 || c.published < c.sent {
		return
	}
	n := 1
	if w.chance(10) {
		n += w.rng.IntN(5)
	}
	for range n {
		c.sent++
		c.queue(c.sent)
	}
	for len(c.sending) > 0 {
		c.push()
	}
	w.sentAt[c.simClient] = w.now
	c.nextAt = w.now.Add(time.Duration(w.rng.Int64N(int64(4 * time.Second)))).Add(time.Duration(n-1) * 2 * time.Second)
}
