//go:build linux

package server

import (
	"container/heap"
	"container/list"
	"net/netip"
	"time"
)

// delays hold the connections whose keys may not be looked at yet, by their origins.
// Adding and removing one takes O(log n). The zero value is empty.
//
//	origins (heap, by time) ──▶ connections of each, oldest first
type delays struct {
	byOrigin map[netip.Prefix]*delayedOrigin
	origins  ranking[*delayedOrigin]
}

// A delayedOrigin has connections whose keys have to wait.
type delayedOrigin struct {
	origin netip.Prefix
	at     time.Time // when the first key may be looked at, by the system's clock
	index  int       // in the heap
	conns  list.List // of *pendingConn
}

var _ ranked[*delayedOrigin] = (*delayedOrigin)(nil)

func (o *delayedOrigin) outranks(p *delayedOrigin) bool { return o.at.Before(p.at) }
func (o *delayedOrigin) moved(to int)                   { o.index = to }
func (o *delayedOrigin) oldest() *pendingConn           { return o.conns.Front().Value.(*pendingConn) }

// add adds a connection behind those of its origin. If it is the first, its key may be
// looked at from a time on.
func (d *delays) add(p *pendingConn, at time.Time) {
	origin := sourceOf(p)
	o := d.byOrigin[origin]
	if o == nil {
		if d.byOrigin == nil {
			d.byOrigin = make(map[netip.Prefix]*delayedOrigin)
		}
		o = &delayedOrigin{origin: origin, at: at}
		d.byOrigin[origin] = o
		heap.Push(&d.origins, o)
	}
	p.delay = o.conns.PushBack(p)
}

// remove removes a connection, if it is there.
func (d *delays) remove(p *pendingConn) {
	if p.delay == nil {
		return
	}
	o := d.byOrigin[sourceOf(p)]
	o.conns.Remove(p.delay)
	p.delay = nil
	if o.conns.Len() == 0 {
		heap.Remove(&d.origins, o.index)
		delete(d.byOrigin, o.origin)
	}
}

// first returns the origin whose next key is to be looked at first; nil if there is none.
func (d *delays) first() *delayedOrigin {
	if len(d.origins) == 0 {
		return nil
	}
	return d.origins[0]
}

// postpone has the keys of an origin wait until another time.
func (d *delays) postpone(o *delayedOrigin, at time.Time) {
	o.at = at
	heap.Fix(&d.origins, o.index)
}
