//go:build linux

package server

import (
	"cmp"
	"container/list"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// pendingAt returns a pending connection from an address, the id'th there is.
func pendingAt(id uint64, addr netip.Addr) *pendingConn {
	p := &pendingConn{conn: &conn{}}
	p.conn.ID, p.conn.Addr = id, netip.AddrPortFrom(addr, 1)
	return p
}

// A set has the same victim as a search through all of its connections finds,
// whatever was added and removed.
func TestPendingSetAgainstModel(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var set pendingSet
		elements := make(map[*pendingConn]*list.Element)
		var model []*pendingConn
		for id := range uint64(800) {
			if len(model) > 0 && rng.IntN(3) == 0 {
				i := rng.IntN(len(model))
				if rng.IntN(2) == 0 {
					i = slices.Index(model, set.victim())
				}
				set.remove(model[i], elements[model[i]])
				model = slices.Delete(model, i, i+1)
			} else {
				p := pendingAt(id, someAddress(rng))
				elements[p] = set.add(p)
				model = append(model, p)
			}
			if got, want := set.victim(), modelVictim(model); got != want || set.size != len(model) {
				t.Fatalf("seed %d, step %d: the victim is %v of %d, want %v of %d", seed, id, got, set.size, want, len(model))
			}
		}
	}
}

// someAddress returns one of a few addresses in a few networks of either kind.
func someAddress(rng *rand.Rand) netip.Addr {
	switch rng.IntN(8) {
	case 0:
		return netip.Addr{} // not known
	case 1, 2, 3:
		var b [16]byte
		b[0], b[5], b[7], b[15] = 0x20, byte(rng.IntN(3)), byte(rng.IntN(3)), byte(rng.IntN(3))
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(3)), byte(rng.IntN(4))})
}

// modelVictim finds the victim that a pendingSet must have by searching all.
func modelVictim(all []*pendingConn) *pendingConn {
	if len(all) == 0 {
		return nil
	}
	sources, networks := make(map[netip.Prefix]int), make(map[netip.Prefix]int)
	networkOf := func(p *pendingConn) netip.Prefix {
		bits := 48
		if p.conn.Addr.Addr().Is4() {
			bits = 24
		}
		prefix, _ := p.conn.Addr.Addr().Prefix(bits)
		return prefix
	}
	for _, p := range all {
		if sourceOf(p).IsValid() { // or it is of no source, and evicted last
			sources[sourceOf(p)]++
		}
		networks[networkOf(p)]++
	}
	return slices.MinFunc(all, func(a, b *pendingConn) int {
		return cmp.Or(
			sources[sourceOf(b)]-sources[sourceOf(a)],
			networks[networkOf(b)]/fewInNetwork-networks[networkOf(a)]/fewInNetwork,
			cmp.Compare(a.conn.ID, b.conn.ID),
		)
	})
}

// Evicting one and adding another costs about the same however many there are,
// also when each has a network of its own.
func BenchmarkPendingSet(b *testing.B) {
	for _, n := range []int{64, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			anywhere := func() netip.Addr {
				return netip.AddrFrom4([4]byte{byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))})
			}
			var set pendingSet
			elements := make(map[*pendingConn]*list.Element)
			id := uint64(0)
			add := func() {
				id++
				p := pendingAt(id, anywhere())
				elements[p] = set.add(p)
			}
			for range n {
				add()
			}
			for b.Loop() {
				p := set.victim()
				set.remove(p, elements[p])
				delete(elements, p)
				add()
			}
		})
	}
}
