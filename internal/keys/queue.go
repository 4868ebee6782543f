package keys

import (
	"container/list"
	"net/netip"

	"sop-chat/internal/repeat"
)

// A queue holds the keys that wait to be checked, a bounded number of them. Sources take
// turns, so one that asks a thousand times delays another by one key. Beyond the bound,
// the source that holds most loses its newest one; among those that hold the same, it is
// one of the network that holds most. So a source with one key keeps it while another
// has two.
//
//	turns (a ring) ──▶ sources ──▶ keys of each, oldest first
type queue struct {
	most     int
	size     int
	sources  map[netip.Prefix]*source
	networks map[netip.Prefix]*network
	turns    list.List // of *source, the next first
}

// A source is what counts as one address.
type source struct {
	prefix  netip.Prefix
	network *network
	waiting []*request // never empty
	turn    *list.Element
}

// A network is what may well belong to one owner, see repeat.Network.
type network struct {
	prefix netip.Prefix
	size   int
}

// A request is a key to be checked.
type request struct {
	key    string
	source netip.Prefix
	done   func(Answer)
}

func newQueue(most int) *queue {
	return &queue{most: most, sources: make(map[netip.Prefix]*source), networks: make(map[netip.Prefix]*network)}
}

// put adds a request, and returns the one that there is no space for, if there is one:
// it may be the same.
func (q *queue) put(r *request) (dropped *request) {
	s := q.sources[r.source]
	if s == nil {
		s = q.addSource(r.source)
	}
	s.waiting = append(s.waiting, r)
	s.network.size++
	if q.size++; q.size <= q.most {
		return nil
	}
	most := s
	for e := q.turns.Front(); e != nil; e = e.Next() {
		if other := e.Value.(*source); other.holdsMoreThan(most) {
			most = other
		}
	}
	last := len(most.waiting) - 1
	dropped, most.waiting[last] = most.waiting[last], nil
	most.waiting = most.waiting[:last]
	q.removed(most)
	return dropped
}

func (s *source) holdsMoreThan(t *source) bool {
	if a, b := len(s.waiting), len(t.waiting); a != b {
		return a > b
	}
	return s.network.size > t.network.size
}

// take returns the next request, or nil.
func (q *queue) take() *request {
	if q.size == 0 {
		return nil
	}
	s := q.turns.Front().Value.(*source)
	r := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	q.turns.MoveToBack(s.turn)
	q.removed(s)
	return r
}

func (q *queue) addSource(prefix netip.Prefix) *source {
	n := q.networks[repeat.Network(prefix)]
	if n == nil {
		n = &network{prefix: repeat.Network(prefix)}
		q.networks[n.prefix] = n
	}
	s := &source{prefix: prefix, network: n}
	s.turn = q.turns.PushBack(s)
	q.sources[prefix] = s
	return s
}

// removed is called when one request of a source was removed.
func (q *queue) removed(s *source) {
	q.size--
	if s.network.size--; s.network.size == 0 {
		delete(q.networks, s.network.prefix)
	}
	if len(s.waiting) == 0 {
		q.turns.Remove(s.turn)
		delete(q.sources, s.prefix)
	}
}
