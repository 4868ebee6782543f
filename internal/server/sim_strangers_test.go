//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// An honest client that speaks within a round trip gets in, whatever strangers
// do beside it: connections that say nothing, or part of what they have to, at
// once or byte by byte, from one address, from many, from all of a network, or
// from everywhere.
func TestStrangersKeepNobodyOut(t *testing.T) {
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
			newSiege(seed).run(t)
		}()
	}
}

// A siege is a world in which strangers come at some rate, and honest clients
// now and then.
type siege struct {
	*world
	limits    doorLimits
	anywhere  func() netip.Addr // where the strangers come from
	rate      float64           // strangers in a millisecond
	strangers []*simClient
	honest    []*honest
	kind      string
}

// An honest client speaks when a round trip is over, and leaves some time later.
type honest struct {
	*simClient
	speaks, leaves time.Time
}

const roundTrip = 100 * time.Millisecond

func newSiege(seed uint64) *siege {
	w := newWorld(seed)
	w.faults, w.room.places, w.config.places = 0, 0, 0
	s := &siege{world: w, limits: doorLimits{pending: []int{2, 16}[w.rng.IntN(2)], authTimeout: simAuthTimeout, seats: 1}}
	capacity := crowd * s.limits.pending
	w.config.pending, w.config.perAddress = s.limits.pending, 0
	if w.chance(2) {
		s.limits.pendingPerAddress = max(1, s.limits.pending/4)
	}
	if w.chance(3) {
		const limit, kept = 64, 8
		w.config.descriptors = limit
		s.limits.descriptors = Descriptors{Short: limit - kept, ForPending: kept / 4, Full: limit - kept/2}
		s.limits.pending = 0 // or a bound that is never reached
		capacity = limit / 2
	}
	w.loops[0].door.limits = s.limits
	s.rate = 0.1 + 4*w.rng.Float64()
	v4 := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{1, byte(n >> 16), byte(n >> 8), byte(n)}) }
	switch w.rng.IntN(4) {
	case 0:
		s.kind = "one address"
		s.anywhere = func() netip.Addr { return v4(1) }
	case 1:
		s.kind = "many addresses"
		s.anywhere = func() netip.Addr { return v4(w.rng.IntN(capacity/2) << 8) }
	case 2:
		s.kind = "one network of IPv6"
		s.anywhere = func() netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(w.rng.IntN(256)), byte(w.rng.IntN(256)), byte(w.rng.IntN(256))})
		}
	case 3:
		s.kind = "everywhere, at a rate at which all of them have a round trip's time"
		s.anywhere = func() netip.Addr { return v4(w.rng.IntN(1 << 24)) }
		s.rate = min(s.rate, float64(capacity)/2/float64(roundTrip.Milliseconds()))
	}
	return s
}

func (s *siege) run(t *testing.T) {
	due, in := 0.0, 0
	for step := range 1500 {
		for due += s.rate; due >= 1; due-- {
			s.strangers = append(s.strangers, s.arrive(s.anywhere()))
		}
		for range 3 {
			if len(s.strangers) > 0 {
				s.strangers[s.rng.IntN(len(s.strangers))].trickle()
			}
		}
		if step%50 == 0 && len(s.honest) < 10 {
			c := s.arrive(netip.AddrFrom4([4]byte{9, 9, 9, byte(step / 50)}))
			c.eager = true
			now := s.now
			s.honest = append(s.honest, &honest{c, now.Add(s.within(roundTrip)), now.Add(roundTrip + s.within(time.Second))})
		}
		s.workOff((*simClient).isEager)
		in += s.talk()
		s.workOff((*simClient).isEager)
		s.examine()
		s.pass(time.Millisecond)
	}
	if in < 8 {
		s.failf("only %d honest clients came", in)
	}
	s.settle()
	s.shutdown()
}

// arrive brings a client that has said nothing yet.
func (s *siege) arrive(from netip.Addr) *simClient {
	c := &simClient{world: s.world, number: s.born, key: simKey, next: -1}
	s.born++
	c.socket = &socket{
		peer: c, addr: netip.AddrPortFrom(from, uint16(c.number)), fd: -1, openAt: s.now, inCap: 64 << 10, outCap: 512 << 10,
	}
	s.clients = append(s.clients, c)
	s.arriving = append(s.arriving, c.socket)
	return c
}

func (s *siege) within(d time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(d)))
}

// trickle has a stranger do something that is less than to authenticate.
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
		c.socket.breaks(104) // ECONNRESET
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

// talk has honest clients speak and leave when it is time, and returns how many
// left.
func (s *siege) talk() (left int) {
	kept := s.honest[:0]
	for _, h := range s.honest {
		if !h.speaks.IsZero() && !s.now.Before(h.speaks) {
			h.speaks = time.Time{}
			h.say(0)
			h.push()
		}
		if s.now.Before(h.leaves) {
			kept = append(kept, h)
			continue
		}
		h.socket.fin = true
		left++
	}
	s.honest = kept
	return left
}

// examine is what holds after each step.
func (s *siege) examine() {
	for _, h := range s.honest {
		if h.cutOff() || h.speaks.IsZero() && !h.echoed {
			s.failf("an honest client is not let in beside strangers from %s, %v of them a millisecond; bounds %+v", s.kind, s.rate, s.limits)
		}
	}
	if n := s.waiting(); s.limits.pending > 0 && n > crowd*s.limits.pending {
		s.failf("%d connections are pending; bounds %+v", n, s.limits)
	}
	if full := s.limits.descriptors.Full; full > 0 && s.nextFD() > full+1 {
		s.failf("%d descriptors are open, and none from %d on is for connections", s.open(), full)
	}
	d := s.loops[0].door
	if got := fmt.Sprint(d.all.size, d.late.size <= d.all.size); got != fmt.Sprint(s.waiting(), true) {
		s.failf("%d connections are pending; the sets say %s", s.waiting(), got)
	}
}
