//go:build linux

package server

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// drawRate returns a rate that some members keep to and others don't, or none.
func (w *world) drawRate() Rate {
	if w.chance(2) {
		return Rate{}
	}
	return Rate{
		Messages: []int{20, 100, 1000}[w.rng.IntN(3)],
		Per:      time.Second,
		Burst:    1 + w.rng.IntN(40),
	}
}

// setRate changes the rate of a room.
func (r *simRoom) setRate(rate Rate) {
	r.config.rate = rate
	r.room.rate.Store(newRateLimit(rate))
	for _, l := range r.world.loops {
		l.inbox.wakeFor(r.room)
	}
	clear(r.debts)
}

// A debt is what a member has published beyond its rate, as a leaky bucket.
type debt struct {
	bytes float64
	at    time.Time
}

// checkRate checks that a client that publishes a message may do so: in no span of time
// is it more than the rate permits and a burst, and a message that had come in part.
func (r *simRoom) checkRate(c *simClient) {
	rate, now := r.config.rate, r.world.now
	if rate.Messages == 0 || r.gate != nil && r.link == nil {
		return // what a gate publishes came earlier
	}
	perSecond := float64(rate.Messages) * wire.Size / rate.Per.Seconds()
	d := r.debts[c]
	d.bytes = max(0, d.bytes-perSecond*now.Sub(d.at).Seconds()) + wire.Size
	d.at = now
	r.debts[c] = d
	if most := max(float64(rate.Burst)*wire.Size, perSecond*leastBurst.Seconds()) + wire.Size; d.bytes > most {
		r.world.failf("%v publishes %.0f bytes more than its rate, with %.0f permitted by %+v", c, d.bytes, most, rate)
	}
}

// limited returns how many members wait because of their rate, and how many draining
// connections.
func (w *world) limited() (members, draining int) {
	for _, l := range w.loops {
		for _, a := range l.audiences.all {
			if a == nil || a.work == nil {
				continue
			}
			if n := len(a.rates.waiting); n > 0 && a.rates.tickAt.IsZero() {
				w.failf("%d connections in %s wait for no tick", n, a.room.name)
			}
			for c := range a.rates.full {
				if c.state == closed {
					w.failf("there is a mark of %s, which is closed", c.Name)
				}
			}
			for _, l := range a.rates.waiting {
				switch {
				case l.conn.state == closed:
				case !l.conn.paused:
					w.failf("%s waits because of its rate, and is not paused", l.conn.Name)
				case l.conn.state == member:
					members++
				default:
					draining++
				}
			}
		}
	}
	return members, draining
}

// isLimited reports whether what a client sent is not read because of its rate.
func (w *world) isLimited(s *socket) bool {
	for _, l := range w.loops {
		if s.fd < len(l.table.conns) && l.table.conns[s.fd] != nil {
			c := l.table.conns[s.fd]
			a := l.audiences.at(c)
			if a == nil || a.work == nil || a.rates.limit == nil {
				return false
			}
			return a.rates.left(c, l.now) == 0 || (c.paused || c.state == draining) && !a.rates.tickAt.IsZero()
		}
	}
	return false
}

// A room's rate slows down a member that floods, to just that rate, whatever it does:
// over TCP and in frames, also when it ends with all it could send under way. Members
// that keep to the rate are published at once, and the room is never pressed.
func TestRateSlowsFloods(t *testing.T) {
	for seed := uint64(1); seed <= 12 && !t.Failed(); seed++ {
		floodAtRate(t, seed)
	}
}

func floodAtRate(t *testing.T, seed uint64) {
	t.Helper()
	const lasts, ends = time.Minute, 45 * time.Second
	w := &fairWorld{world: emptyWorld(seed), sentAt: make(map[*simClient]time.Time), gone: make(map[string]int)}
	defer reportFailure(t, seed)
	w.config = simConfig{loops: 1 + w.rng.IntN(3)}
	w.begin()
	rate := Rate{Messages: []int{2, 5, 50, 600}[w.rng.IntN(4)], Per: time.Second, Burst: 1 + w.rng.IntN(60)}
	rate.Burst = max(rate.Burst, 6, int(float64(rate.Messages)*leastBurst.Seconds())) // 6 is what talk says at once
	room := w.addRoom(simRoomConfig{first: 1, backlog: 1 << 20, rate: rate})
	for _, l := range w.loops {
		l.common.output.limits.write = maxWrite
	}
	begin := w.now
	w.add(habit{what: "floods", inFrames: w.chance(2), act: func(w *fairWorld, c *fairClient) {
		switch since := w.now.Sub(begin); {
		case since < ends:
			w.flood(c)
		case !c.closing: // and leaves when it can send no more
			c.closing = true
			for before := -1; len(c.sending) != before; {
				before = len(c.sending)
				c.push()
			}
			c.sent = c.whole - 1 // the others never were on their way
			c.sending, c.socket.fin = nil, true
		default:
			c.take(len(c.socket.out))
		}
	}})
	for range 2 + w.rng.IntN(4) {
		w.add(habit{what: "talks", act: (*fairWorld).talk, pace: 1e9})
	}
	flooder := w.all[0].simClient
	talked := 0
	for ; w.now.Sub(begin) < lasts; w.now = w.now.Add(fairTick) {
		w.tick()
		if room.room.log.Pressed() {
			t.Fatalf("seed %d: the room is pressed", seed)
		}
		for _, d := range w.delays[talked:] {
			if d > fairTick {
				t.Errorf("seed %d: talk is published after %v", seed, d)
			}
		}
		talked = len(w.delays)
		if w.now.Sub(begin) == ends {
			got, want := float64(flooder.published), float64(rate.Messages)*ends.Seconds()+float64(rate.Burst)
			t.Logf("seed %d: %+v, in frames %v: %d messages published, %v permitted, and %d of others", seed, rate, flooder.web != nil, flooder.published, want, talked)
			if got > want+1 || got < 0.9*want-1 {
				t.Errorf("seed %d: %v messages are published in %v at %+v, want %v", seed, got, ends, rate, want)
			}
		}
	}
	if talked == 0 {
		t.Errorf("seed %d: nobody talked", seed)
	}
	for range 2 * 3600 * 50 { // what was under way arrives
		if flooder.left {
			break
		}
		w.tick()
		w.now = w.now.Add(fairTick)
	}
	if !flooder.left || flooder.published != flooder.sent {
		t.Errorf("seed %d: %v", seed, flooder)
	}
}

// Control frames count for the rate as well, and a ping of a WebSocket that may send no
// whole message is answered soon.
func TestRateOfControlFrames(t *testing.T) {
	for seed := uint64(1); seed <= 12 && !t.Failed(); seed++ {
		pingAtRate(t, seed)
	}
}

func pingAtRate(t *testing.T, seed uint64) {
	t.Helper()
	const lasts = 20 * time.Second
	w := &fairWorld{world: emptyWorld(seed), sentAt: make(map[*simClient]time.Time), gone: make(map[string]int)}
	defer reportFailure(t, seed)
	w.config = simConfig{loops: 1}
	w.begin()
	rate := Rate{Messages: []int{6, 60, 600}[w.rng.IntN(3)], Per: time.Minute, Burst: 1 + w.rng.IntN(10)}
	w.addRoom(simRoomConfig{first: 1, backlog: 1 << 20, rate: rate})
	begin, made, longest, pongs, pongAt := w.now, 0, time.Duration(0), 0, w.now
	w.add(habit{what: "sends pings", inFrames: true, act: func(w *fairWorld, c *fairClient) {
		c.take(len(c.socket.out))
		for c.echoed && len(c.sending) < 1<<10 {
			c.web.pings++
			before := len(c.sending)
			c.addFrame(0x89, make([]byte, w.rng.IntN(8)), false)
			made += len(c.sending) - before
		}
		c.push()
		if c.web.pongs > pongs {
			pongs, pongAt = c.web.pongs, w.now
		}
		longest = max(longest, w.now.Sub(pongAt))
	}})
	pinging := w.all[0].simClient
	pinging.socket.inCap = 2048
	for ; w.now.Sub(begin) < lasts; w.now = w.now.Add(fairTick) {
		w.tick()
	}
	perSecond := float64(rate.Messages) * wire.Size / rate.Per.Seconds()
	burst := max(float64(rate.Burst)*wire.Size, perSecond*leastBurst.Seconds())
	read, most := made-len(pinging.sending)-len(pinging.socket.in), perSecond*lasts.Seconds()+burst
	t.Logf("seed %d: %+v: %d bytes of control frames read, %.0f permitted; %d pongs, %v without one at most", seed, rate, read, most, pongs, longest)
	if float64(read) > most || float64(read) < 0.9*most {
		t.Errorf("seed %d: %d bytes of control frames are read, want %.0f", seed, read, most)
	}
	if longest > 2*time.Second {
		t.Errorf("seed %d: no ping is answered for %v", seed, longest)
	}
}
