//go:build linux

package server

import (
	"time"

	"sop-chat/internal/wire"
)

// A request asks a loop for its members, and to disconnect clients. It goes to the
// acceptor's loop first, which hands it on when it has looked at all its connections. So
// none is missed that goes from there to another loop meanwhile.
type request struct {
	who     Who
	end     cause           // the zero one disconnects nobody
	answers chan<- []Member // has space for one of each loop
}

// A progress is a request at a loop, and how far it is.
type progress struct {
	request
	next  int // descriptor to be looked at
	found []Member
}

// maxLooks is how many descriptors are looked at for requests in one wake-up, which takes
// less than a millisecond.
const maxLooks = 1024

// request gives the loop a request.
func (b *inbox) request(r request) {
	b.mu.Lock()
	b.requests = append(b.requests, r)
	b.hasRequests.Store(true)
	b.mu.Unlock()
	b.wake()
}

// takeRequests returns the requests.
func (b *inbox) takeRequests() []request {
	if !b.hasRequests.Load() { // as in almost every wake-up
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.requests
	b.requests = nil
	b.hasRequests.Store(false)
	return taken
}

// attendRequests does what operators have asked for, or a part of it.
func (l *loop) attendRequests() {
	for _, r := range l.inbox.takeRequests() {
		l.requests = append(l.requests, progress{request: r})
	}
	if len(l.requests) == 0 {
		return
	}
	l.admitAssigned() // those that came before
	for left := l.looks; left > 0 && len(l.requests) > 0; {
		r := &l.requests[0]
		for ; left > 0 && r.next < len(l.table.conns); r.next++ {
			if c := l.table.conns[r.next]; c != nil {
				l.lookFor(r, c)
			}
			left--
		}
		if r.next < len(l.table.conns) {
			break
		}
		l.answer(r)
		l.requests = l.requests[1:]
	}
	if len(l.requests) == 0 {
		l.requests = nil
	}
	l.closeEnded()
	l.audiences.settle()
}

// lookFor does what a request asks for with one connection.
func (l *loop) lookFor(r *progress, c *conn) {
	a := l.audiences.at(c)
	var room *Room
	if a != nil {
		room = a.room
	}
	if !r.who.has(c, room) {
		return
	}
	if a != nil {
		r.found = append(r.found, l.memberOf(a, c))
	}
	switch {
	case r.end == cause{}:
	case a != nil:
		l.audiences.touch(a)
		a.end(c, r.end)
	default:
		l.acceptor.end(c, r.end)
	}
}

func (l *loop) memberOf(a *audience, c *conn) Member {
	m := Member{Sender: c.Sender, Room: a.room.name, Label: l.passes.label(c), WebSocket: c.isWebSocket()}
	if head := a.room.log.Head(); c.state == member && c.cursor < head {
		m.Unsent = int((head - c.cursor + wire.Size - 1) / wire.Size)
	}
	if a.room.relay != nil {
		m.Client = clientToken(l.identities.clientOf(c))
		if since := a.room.names.since(c); since > 0 {
			m.NamedSince = time.UnixMilli(since)
		}
	}
	return m
}

// answer answers a request that is done, and has the other loops do it, too.
func (l *loop) answer(r *progress) {
	r.answers <- r.found
	if l.acceptor == nil {
		return
	}
	for _, to := range l.acceptor.inboxes {
		if to != &l.inbox {
			to.request(r.request)
		}
	}
}
