//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sop-chat/internal/origin"
	"sop-chat/internal/wire"
)

// A legitimate client that sends its key within a round trip gets in, whatever
// attackers do beside it: connections that send nothing, or part of a message, at
// once or byte by byte, from one address, from many, from all of a network, or
// from everywhere.
func TestPendingFloodKeepsNobodyOut(t *testing.T) {
	for seed := range uint64(16) {
		func() {
			defer func() {
				switch problem := recover().(type) {
				case nil:
				case failure:
					t.Errorf("seed %d: %s", seed, problem)
				default:
					panic(problem)
				}
			}()
			newPendingFlood(seed).run(t)
		}()
	}
}

// A pendingFlood is a world to which attackers connect at some rate, and
// legitimate clients now and then.
type pendingFlood struct {
	*world
	limits    acceptorLimits
	anywhere  func() netip.Addr // where the attackers connect from
	rate      float64           // attackers in a millisecond
	attackers []*simClient
	legit     []*legitClient
	kind      string
	byProxy   bool // all come by a proxy that says where from
}

// A legitClient sends its key when a round trip is over, and leaves some time
// later.
type legitClient struct {
	*simClient
	sendsAt, leavesAt time.Time
}

const roundTrip = 100 * time.Millisecond

func newPendingFlood(seed uint64) *pendingFlood {
	w := newWorld(seed)
	w.faults = 0
	for _, r := range w.rooms {
		r.room.slots.Store(0)
		r.config.slots = 0
	}
	f := &pendingFlood{world: w, limits: acceptorLimits{pending: []int{2, 16}[w.rng.IntN(2)], authTimeout: simAuthTimeout, minMembers: 1}}
	capacity := burstFactor * f.limits.pending
	w.config.pending, w.config.perAddress = f.limits.pending, 0
	if w.chance(2) {
		f.limits.pendingPerAddress = max(1, f.limits.pending/4)
	}
	if w.chance(3) {
		const limit, kept = 64, 8
		w.config.descriptors = limit
		f.limits.descriptors = Descriptors{Short: limit - kept, ForPending: kept / 4, Full: limit - kept/2}
		f.limits.pending = 0 // or a bound that is never reached
		capacity = limit / 2
	}
	w.loops[0].acceptor.limits = f.limits
	w.loops[0].acceptor.origins = (*origin.Table)(nil)
	f.rate = 0.1 + 4*w.rng.Float64()
	v4 := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{1, byte(n >> 16), byte(n >> 8), byte(n)}) }
	switch w.rng.IntN(4) {
	case 0:
		f.kind = "one address"
		f.anywhere = func() netip.Addr { return v4(1) }
	case 1:
		f.kind = "many addresses"
		f.anywhere = func() netip.Addr { return v4(w.rng.IntN(capacity/2) << 8) }
	case 2:
		f.kind = "one network of IPv6"
		f.anywhere = func() netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(w.rng.IntN(256)), byte(w.rng.IntN(256)), byte(w.rng.IntN(256))})
		}
	case 3:
		f.kind = "everywhere, at a rate at which all of them have a round trip's time"
		f.anywhere = func() netip.Addr { return v4(w.rng.IntN(1 << 24)) }
		f.rate = min(f.rate, float64(capacity)/2/float64(roundTrip.Milliseconds()))
	}
	f.byProxy = w.chance(2)
	return f
}

func (f *pendingFlood) run(t *testing.T) {
	due, in := 0.0, 0
	for step := range 1500 {
		for due += f.rate; due >= 1; due-- {
			f.attackers = append(f.attackers, f.arrive(f.anywhere()))
		}
		for range 3 {
			if len(f.attackers) > 0 {
				f.attackers[f.rng.IntN(len(f.attackers))].trickle()
			}
		}
		if step%50 == 0 && len(f.legit) < 10 {
			c := f.arrive(netip.AddrFrom4([4]byte{9, 9, 9, byte(step / 50)}))
			c.eager = true
			now := f.now
			f.legit = append(f.legit, &legitClient{c, now.Add(f.within(roundTrip)), now.Add(roundTrip + f.within(time.Second))})
		}
		f.workOff((*simClient).isEager)
		in += f.talk()
		f.workOff((*simClient).isEager)
		f.examine()
		f.pass(time.Millisecond)
	}
	if in < 8 {
		f.failf("only %d legitimate clients came", in)
	}
	f.settle()
	f.shutdown()
}

// arrive connects a client that has sent nothing yet.
func (f *pendingFlood) arrive(from netip.Addr) *simClient {
	c := &simClient{world: f.world, room: f.rooms[0], number: f.born, key: f.rooms[0].key(), next: -1}
	f.born++
	c.socket = &socket{
		peer: c, addr: netip.AddrPortFrom(from, uint16(c.number)), fd: -1, openAt: f.now, inCap: 64 << 10, outCap: 512 << 10,
	}
	if f.byProxy {
		c.addr, c.socket.addr = c.socket.addr, netip.AddrPortFrom(simProxy, uint16(c.number))
		c.socket.in = header1(c.addr)
	}
	f.clients = append(f.clients, c)
	f.arriving = append(f.arriving, c.socket)
	return c
}

func (f *pendingFlood) within(d time.Duration) time.Duration {
	return time.Duration(f.rng.Int64N(int64(d)))
}

// trickle has an attacker do something short of authenticating.
func (c *simClient) trickle() {
	w := c.world
	if c.cutOff() {
		return
	}
	switch have := len(c.socket.in); w.rng.IntN(8) {
	case 0:
		c.socket.fin = true
	case 1:
		c.gone = true
		c.socket.fail(104) // ECONNRESET
	case 2:
		if c.partial > 0 {
			return
		}
		c.key, c.partial = "guess", wire.Size
		m := c.message(0)
		c.socket.in = append(c.socket.in, m[:]...)
	default:
		if c.partial < wire.Size-1 && have == 0 {
			n := 1 + w.rng.IntN(wire.Size-1-c.partial)
			c.socket.in = append(c.socket.in, make([]byte, n)...)
			c.partial += n
		}
	}
}

// talk has legitimate clients send their key and leave when it is time, and
// returns how many left.
func (f *pendingFlood) talk() (left int) {
	kept := f.legit[:0]
	for _, h := range f.legit {
		if !h.sendsAt.IsZero() && !f.now.Before(h.sendsAt) {
			h.sendsAt = time.Time{}
			h.queue(0)
			h.push()
		}
		if f.now.Before(h.leavesAt) {
			kept = append(kept, h)
			continue
		}
		h.socket.fin = true
		left++
	}
	f.legit = kept
	return left
}

// examine checks what holds after each step.
func (f *pendingFlood) examine() {
	for _, h := range f.legit {
		if h.cutOff() || h.sendsAt.IsZero() && !h.echoed {
			f.failf("a legitimate client is not let in beside attackers from %s, by a proxy %v, %v of them a millisecond; bounds %+v", f.kind, f.byProxy, f.rate, f.limits)
		}
	}
	if n := f.waiting(); f.limits.pending > 0 && n > burstFactor*f.limits.pending {
		f.failf("%d connections are pending; bounds %+v", n, f.limits)
	}
	if full := f.limits.descriptors.Full; full > 0 && f.nextFD() > full+1 {
		f.failf("%d descriptors are open, and none from %d on is for connections", f.open(), full)
	}
	a := f.loops[0].acceptor
	if got := fmt.Sprint(a.all.size, a.late.size <= a.all.size); got != fmt.Sprint(f.waiting(), true) {
		f.failf("%d connections are pending; the sets say %s", f.waiting(), got)
	}
}
