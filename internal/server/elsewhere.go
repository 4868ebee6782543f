//go:build linux

package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// In a cluster, a room has clients at other servers, too. They take slots, and their names are
// taken. What is known of them is about a second old, so two clients may take one name at two
// servers at once. Then all servers see both, and tell by the same rule which one may stay: the
// one that has had the name for longer. The other one is disconnected by its own server.

// An OtherClient is a client of a room at another server of a cluster.
type OtherClient struct {
	Server string // the name of its server
	Name   string
	// Client and NamedSince are those of Member there. Milliseconds count.
	Client     uint64
	NamedSince time.Time
}

// settleTime is for how long a client must have been seen to be without a right to its name
// before it is disconnected. By then, a server that was stopped has noticed which of its
// clients are gone, and has told the others.
const settleTime = 3 * time.Second

// elsewhere is what a room knows of other servers.
type elsewhere struct {
	mu    sync.Mutex
	view  *otherClients    // never nil; guarded by mu, and never changed
	moved map[*conn]uint64 // guarded by mu; the clientToken of clients that have come here and are still in the view
	twice int              // guarded by mu; how many of the view's clients those are

	// Of the goroutine that calls SetElsewhere.
	losing  map[*conn]time.Time // since when clients have been seen to be without a right to their names
	checked *otherClients       // the view that was last looked at for that
}

// otherClients are those of other servers, and their names by what these look like.
//
//	first ──by skeleton──▶ link ──▶ client
//	                        └─next─▶ link ──▶ client
type otherClients struct {
	self    string // the name of this server
	all     []OtherClient
	tokens  map[uint64]int      // how often each OtherClient.Client is there that is not 0
	by      *Skeletons          // nil: names are not looked at
	looks   map[string][]string // the skeletons of names
	first   map[string]int32
	nameFor []link
}

// A link is that a client has a name with a skeleton.
type link struct{ client, next int32 } // next is -1 for the last

// newOtherClients returns clients of other servers, and what their names look like. What is
// known of that from former clients is not found out again; those may be nil.
func newOtherClients(self string, all []OtherClient, by *Skeletons, former *otherClients) *otherClients {
	o := &otherClients{self: self, all: all, by: by}
	if len(all) > 0 {
		o.tokens = make(map[uint64]int)
	}
	if len(all) > 0 && by != nil {
		o.first, o.looks = make(map[string]int32, len(all)), make(map[string][]string, len(all))
	}
	for i := range all {
		if all[i].Client != 0 {
			o.tokens[all[i].Client]++
		}
		if by == nil || all[i].NamedSince.IsZero() {
			continue
		}
		for _, s := range o.look(all[i].Name, former) {
			next, found := o.first[s]
			if !found {
				next = -1
			}
			o.first[s] = int32(len(o.nameFor))
			o.nameFor = append(o.nameFor, link{int32(i), next})
		}
	}
	return o
}

// look returns what a name looks like.
func (o *otherClients) look(name string, former *otherClients) []string {
	if s, found := o.looks[name]; found {
		return s
	}
	var s []string
	if former != nil && former.by == o.by {
		s = former.looks[name]
	}
	if s == nil {
		s = (*o.by)(name)
	}
	o.looks[name] = s
	return s
}

// isTaken reports whether another client has a name with one of these skeletons, and has had it
// for longer than a claim says.
func (o *otherClients) isTaken(skeletons []string, by claim) bool {
	for _, s := range skeletons {
		i, found := o.first[s]
		for ; found && i >= 0; i = o.nameFor[i].next {
			if c := &o.all[o.nameFor[i].client]; !c.isSame(by.client) && c.isBefore(by.since, o.self) {
				return true
			}
		}
	}
	return false
}

// since returns since when a client has had a name with one of these skeletons there; latest if
// it is not there.
func (o *otherClients) since(skeletons []string, token uint64) int64 {
	since := int64(latest)
	if o.tokens[token] == 0 {
		return since
	}
	for _, s := range skeletons {
		i, found := o.first[s]
		for ; found && i >= 0; i = o.nameFor[i].next {
			if c := &o.all[o.nameFor[i].client]; c.isSame(token) {
				since = min(since, c.NamedSince.UnixMilli())
			}
		}
	}
	return since
}

// isSame reports whether a client here is the same one, which has come from there.
func (o *OtherClient) isSame(token uint64) bool { return token != 0 && o.Client == token }

// isBefore reports whether a client has had its name for longer than one at another server. If
// both took it in the same millisecond, the names of the servers decide.
func (o *OtherClient) isBefore(since int64, server string) bool {
	return cmp.Or(cmp.Compare(o.NamedSince.UnixMilli(), since), cmp.Compare(o.Server, server)) < 0
}

// clientToken returns the number by which other servers know a client, made of the one that it
// gives. The latter can't be told from it; a connection is taken over by that.
func clientToken(client uint64) uint64 {
	if client == 0 {
		return 0
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], client)
	sum := sha256.Sum256(b[:])
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

// clientOf returns the number of the client that has a connection; 0 if it has none.
func (s *identities) clientOf(c *conn) uint64 {
	if c.framing != numbered {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.byConn[c]; i != nil {
		return i.id.id
	}
	return 0
}

// set replaces what is known.
func (e *elsewhere) set(view *otherClients) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.view, e.twice = view, 0
	for c, token := range e.moved {
		if n := view.tokens[token]; n > 0 {
			e.twice += n
		} else {
			delete(e.moved, c)
		}
	}
}

// current returns what is known; nil if there is no other server.
func (e *elsewhere) current() *otherClients {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.view
}

// count returns how many slots are taken elsewhere, when a client comes here with a token.
func (e *elsewhere) count(token uint64) int64 {
	if e == nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return int64(len(e.view.all) - e.twice - e.view.tokens[token])
}

// arrive is told of a client that has come into the room.
func (e *elsewhere) arrive(c *conn, token uint64) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := e.view.tokens[token]; n > 0 {
		if e.moved == nil {
			e.moved = make(map[*conn]uint64)
		}
		e.moved[c] = token
		e.twice += n
	}
}

// leave is told of a client that has left the room.
func (e *elsewhere) leave(c *conn) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if token, found := e.moved[c]; found {
		e.twice -= e.view.tokens[token]
		delete(e.moved, c)
	}
}

// others returns what is known of the room's clients at other servers, or nil.
func (r *Room) others() *otherClients { return r.elsewhere.Load().current() }

// SetElsewhere says which clients a room has at other servers of a cluster, in which this one
// has the name self. From then on, a client is refused for which there is no slot then, or whose
// name one of them has. A client that has come from there to here counts once. others must
// not be changed any more. One goroutine at a time may call SetElsewhere and SettleNames.
func (s *Server) SetElsewhere(room *Room, self string, others []OtherClient) {
	room.setElsewhere(newOtherClients(self, others, room.names.by.Load(), room.others()))
}

func (r *Room) setElsewhere(view *otherClients) {
	switch e := r.elsewhere.Load(); {
	case e != nil:
		e.set(view)
	case len(view.all) > 0: // nothing is kept for a room that is at no other server
		r.elsewhere.Store(&elsewhere{view: view})
	}
}

// SettleNames disconnects the members of a room whose names others have had for longer at other
// servers, if that has been so for some seconds, and returns them. It should be called about
// once a second, and costs next to nothing while there are none.
func (s *Server) SettleNames(ctx context.Context, room *Room, now time.Time) ([]Member, error) {
	ids := room.losers(now)
	if len(ids) == 0 {
		return nil, nil
	}
	return s.ask(ctx, Who{Room: room, IDs: ids}, causeNameLost)
}

// losers returns the IDs of the clients whose names others have had for longer at other
// servers, if that has been so for settleTime, in order.
func (r *Room) losers(now time.Time) (ids []uint64) {
	e := r.elsewhere.Load()
	if e == nil {
		return nil
	}
	view := e.current()
	if by := r.names.by.Load(); by != view.by { // it was changed since
		view = newOtherClients(view.self, view.all, by, nil)
		e.set(view)
	}
	if e.checked == view && len(e.losing) == 0 { // clients that came since were compared with it
		return nil
	}
	former := e.losing
	e.losing, e.checked = nil, view
	r.names.each(func(c *conn, name *takenName) {
		if !view.isTaken(name.skeletons, name.claim) {
			return
		}
		since, found := former[c]
		if !found {
			since = now
		}
		if e.losing == nil {
			e.losing = make(map[*conn]time.Time)
		}
		if e.losing[c] = since; now.Sub(since) >= settleTime {
			ids = append(ids, c.ID)
		}
	})
	slices.Sort(ids)
	return ids
}
