//go:build linux

package server

import (
	"container/heap"
	"container/list"
	"net/netip"

	"sop-chat/internal/repeat"
)

// A pendingSet holds pending connections by their source, and knows which of them
// to evict next: the oldest of the source that holds most. Among sources that
// hold the same number, it is the source whose network holds most, and then the
// one whose oldest connection is the oldest. So a source with a single connection
// is evicted from only when no other has two, and a network that switches between
// its addresses competes with itself. Connections whose source is not known are not
// those of one, and are evicted after all others.
//
//	networks (heap) ──▶ sources of each (heap) ──▶ connections of each, oldest first
//
// Adding and removing take O(log n), finding the victim O(1). The zero value is
// empty.
type pendingSet struct {
	size     int
	sources  map[netip.Prefix]*source
	networks ranking[*network]
	byPrefix map[netip.Prefix]*network
}

// A source is what counts as one address, see repeat.Source: the rate-limit key.
type source struct {
	prefix  netip.Prefix
	network *network
	index   int // in the network's sources
	pending list.List
}

// A network is what may well belong to one owner, see repeat.Network.
// A few connections do not count, since many clients share a network by chance.
type network struct {
	prefix  netip.Prefix
	index   int // in the set's networks
	size    int
	sources ranking[*source]
}

// add adds a connection as the newest, and returns the element to remove it by.
func (s *pendingSet) add(p *pendingConn) *list.Element {
	prefix := sourceOf(p)
	if src := s.sources[prefix]; src != nil {
		element := src.pending.PushBack(p)
		s.grow(src.network, 1)
		heap.Fix(&src.network.sources, src.index)
		heap.Fix(&s.networks, src.network.index)
		return element
	}
	if s.sources == nil {
		s.sources, s.byPrefix = make(map[netip.Prefix]*source), make(map[netip.Prefix]*network)
	}
	n := s.networkOf(prefix)
	src := &source{prefix: prefix, network: n}
	s.sources[prefix] = src
	element := src.pending.PushBack(p)
	heap.Push(&n.sources, src)
	if s.grow(n, 1); n.size == 1 {
		heap.Push(&s.networks, n)
	} else {
		heap.Fix(&s.networks, n.index)
	}
	return element
}

// remove removes a connection from the set.
func (s *pendingSet) remove(p *pendingConn, element *list.Element) {
	src := s.sources[sourceOf(p)]
	n := src.network
	src.pending.Remove(element)
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
func (s *pendingSet) networkOf(source netip.Prefix) *network {
	prefix := repeat.Network(source)
	n := s.byPrefix[prefix]
	if n == nil {
		n = &network{prefix: prefix}
		s.byPrefix[prefix] = n
	}
	return n
}

// victim returns the connection to evict; nil if the set is empty.
func (s *pendingSet) victim() *pendingConn {
	if s.size == 0 {
		return nil
	}
	return s.networks[0].sources[0].oldest()
}

// victimAt returns the oldest connection of a source, and how many it has.
func (s *pendingSet) victimAt(source netip.Prefix) (oldest *pendingConn, of int) {
	src := s.sources[source]
	if src == nil {
		return nil, 0
	}
	return src.oldest(), src.pending.Len()
}

// count returns how many connections the source has; 0 if they are those of which the
// source is not known.
func (s *source) count() int {
	if !s.prefix.IsValid() {
		return 0
	}
	return s.pending.Len()
}

func (s *source) oldest() *pendingConn { return s.pending.Front().Value.(*pendingConn) }

// outranks reports whether a source is evicted from before another of its
// network.
func (s *source) outranks(t *source) bool {
	if a, b := s.count(), t.count(); a != b {
		return a > b
	}
	return s.oldest().conn.ID < t.oldest().conn.ID
}

func (s *source) moved(to int) { s.index = to }

// outranks reports whether a network is evicted from before another.
func (n *network) outranks(m *network) bool {
	s, t := n.sources[0], m.sources[0]
	if a, b := s.count(), t.count(); a != b {
		return a > b
	}
	if a, b := n.size/fewInNetwork, m.size/fewInNetwork; a != b {
		return a > b
	}
	return s.outranks(t)
}

const fewInNetwork = 16

func (n *network) moved(to int) { n.index = to }

// A ranking is a heap whose elements know their index in it.
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

// sourceOf returns the source of a connection; the zero value if it is not known.
func sourceOf(p *pendingConn) netip.Prefix {
	if p.proxied {
		return netip.Prefix{}
	}
	return repeat.Source(p.conn.Addr.Addr())
}
