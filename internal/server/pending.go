//go:build linux

package server

import (
	"container/heap"
	"container/list"
	"net/netip"

	"sop-chat/internal/repeat"
)

// A pendingSet holds pending connections by where they come from, and knows
// which of them to evict: the oldest of the source that holds most. Between
// sources that hold the same number it is the one whose network holds most,
// and after that the one that has waited longest. So a source with a single
// connection is evicted from only when no other has two, and a network that
// hops between its addresses competes with itself.
//
//	networks (heap) ──▶ sources of each (heap) ──▶ connections of each, oldest first
//
// Adding and removing take O(log n), asking O(1). The zero value is empty.
type pendingSet struct {
	size     int
	sources  map[netip.Prefix]*source
	networks ranking[*network]
	byPrefix map[netip.Prefix]*network
}

// A source is what counts as one address, see repeat.Source.
type source struct {
	prefix  netip.Prefix
	network *network
	index   int // in the network's sources
	pending list.List
}

// A network is what may well belong to one owner: 48 bits of IPv6, 24 of IPv4.
// A few connections are not held against it, since many share one by chance.
type network struct {
	prefix  netip.Prefix
	index   int // in the set's networks
	size    int
	sources ranking[*source]
}

// add puts a connection into the set, as the newest, and returns its place.
func (s *pendingSet) add(g *guest) *list.Element {
	prefix := sourceOf(g)
	if src := s.sources[prefix]; src != nil {
		place := src.pending.PushBack(g)
		s.grow(src.network, 1)
		heap.Fix(&src.network.sources, src.index)
		heap.Fix(&s.networks, src.network.index)
		return place
	}
	if s.sources == nil {
		s.sources, s.byPrefix = make(map[netip.Prefix]*source), make(map[netip.Prefix]*network)
	}
	n := s.networkOf(prefix.Addr())
	src := &source{prefix: prefix, network: n}
	s.sources[prefix] = src
	place := src.pending.PushBack(g)
	heap.Push(&n.sources, src)
	if s.grow(n, 1); n.size == 1 {
		heap.Push(&s.networks, n)
	} else {
		heap.Fix(&s.networks, n.index)
	}
	return place
}

// remove takes a connection out of the set.
func (s *pendingSet) remove(g *guest, place *list.Element) {
	src := s.sources[sourceOf(g)]
	n := src.network
	src.pending.Remove(place)
	if src.pending.Len() > 0 {
		heap.Fix(&n.sources, src.index)
	} else {
		heap.Remove(&n.sources, src.index)
		delete(s.sources, src.prefix)
	}
	if s.grow(n, -1); n.size > 0 {
		heap.Fix(&s.networks, n.index)
	} else {
		heap.Remove(&s.networks, n.index)
		delete(s.byPrefix, n.prefix)
	}
}

func (s *pendingSet) grow(n *network, by int) {
	s.size += by
	n.size += by
}

// networkOf returns the network of a source, which may be a new one without
// any source.
func (s *pendingSet) networkOf(addr netip.Addr) *network {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, _ := addr.Prefix(bits) // fails for the zero address alone, with a prefix that serves as well
	n := s.byPrefix[prefix]
	if n == nil {
		n = &network{prefix: prefix}
		s.byPrefix[prefix] = n
	}
	return n
}

// victim returns the connection to evict; nil if the set is empty.
func (s *pendingSet) victim() *guest {
	if s.size == 0 {
		return nil
	}
	return s.networks[0].sources[0].oldest()
}

// victimAt returns the oldest connection of a source, and how many it has.
func (s *pendingSet) victimAt(source netip.Prefix) (oldest *guest, of int) {
	src := s.sources[source]
	if src == nil {
		return nil, 0
	}
	return src.oldest(), src.pending.Len()
}

func (s *source) oldest() *guest { return s.pending.Front().Value.(*guest) }

// outranks reports whether a source is evicted from before another of its
// network.
func (s *source) outranks(t *source) bool {
	if a, b := s.pending.Len(), t.pending.Len(); a != b {
		return a > b
	}
	return s.oldest().conn.ID < t.oldest().conn.ID
}

func (s *source) moved(to int) { s.index = to }

// outranks reports whether a network is evicted from before another.
func (n *network) outranks(m *network) bool {
	s, t := n.sources[0], m.sources[0]
	if a, b := s.pending.Len(), t.pending.Len(); a != b {
		return a > b
	}
	if a, b := n.size/fewInNetwork, m.size/fewInNetwork; a != b {
		return a > b
	}
	return s.outranks(t)
}

const fewInNetwork = 16

func (n *network) moved(to int) { n.index = to }

// A ranking is a heap whose members know where they stand in it.
type ranking[T ranked[T]] []T

type ranked[T any] interface {
	outranks(T) bool
	moved(to int)
}

var (
	_ ranked[*source]  = (*source)(nil)
	_ ranked[*network] = (*network)(nil)
)

func (r ranking[T]) Len() int           { return len(r) }
func (r ranking[T]) Less(i, j int) bool { return r[i].outranks(r[j]) }

func (r ranking[T]) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].moved(i)
	r[j].moved(j)
}

// Push is for container/heap alone.
func (r *ranking[T]) Push(x any) {
	x.(T).moved(len(*r))
	*r = append(*r, x.(T))
}

// Pop is for container/heap alone.
func (r *ranking[T]) Pop() any {
	last := len(*r) - 1
	x := (*r)[last]
	clear((*r)[last:])
	*r = (*r)[:last]
	return x
}

func sourceOf(g *guest) netip.Prefix { return repeat.Source(g.conn.Addr.Addr()) }
