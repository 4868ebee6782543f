package cluster

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Servers say each beatEvery that they are there, over a subject that nothing stores. One that has not
// been heard for goneAfter is gone, and what it had does not count. But a server can only tell so while it
// hears what it says itself. If it has not for deafAfter, it may be cut off, and the others stay what they were,
// for up to cutAfter.
const (
	beatEvery = 2 * time.Second
	deafAfter = 3 * time.Second
	goneAfter = 6 * time.Second
	cutAfter  = 30 * time.Second
)

// A view is what is known of the members of all other servers. Its methods may be called by any
// number of goroutines.
type view struct {
	mu      sync.Mutex
	servers map[string]*serverView
	own     time.Time           // when this server heard itself
	since   time.Time           // since when it has, without a break of deafAfter
	isCut   bool                // it has not for cutAfter
	changed map[string]struct{} // rooms, since they were asked for
}

// A serverView is what is known of a server.
type serverView struct {
	heard  time.Time // when it was heard, or first known
	gone   time.Time // when it was found to be gone; zero: it is not
	start  uint64    // of the division of pieces
	pieces []map[string][]Member

	coming     uint64 // the division whose pieces are coming
	comingTo   []map[string][]Member
	comingLack int // how many are missing
}

func newView(now time.Time) *view {
	return &view{servers: make(map[string]*serverView), own: now, since: now, changed: make(map[string]struct{})}
}

// hearOwn is told that this server has heard itself.
func (v *view) hearOwn(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	if now.Sub(v.own) >= deafAfter {
		v.since = now
	}
	v.own = now
	v.sweep(now)
}

// hear is told that another server is there, or not any more. It reports whether that one is there and was not known
// to be.
func (v *view) hear(server string, isThere bool, now time.Time) (isNew bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	isNew = isThere && v.servers[server] == nil
	s := v.server(server, now)
	s.heard = now
	switch {
	case !isThere && s.gone.IsZero():
		s.gone = now
	case isThere && !s.gone.IsZero():
		isNew, s.gone = true, time.Time{}
	default:
		return isNew
	}
	v.changeAll(s)
	return isNew
}

// server returns what is known of a server, which may be a new one. The lock is held.
func (v *view) server(name string, now time.Time) *serverView {
	s := v.servers[name]
	if s == nil {
		s = &serverView{heard: now} // it may be there; if not, it is gone soon
		v.servers[name] = s
	}
	return s
}

// take takes a piece of a server, with its number. What is no piece is ignored.
func (v *view) take(server string, number int, text []byte, now time.Time) {
	p, rooms, ok := decodePiece(number, text)
	if !ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.server(server, now)
	switch {
	case p.Start < s.start || p.Start < s.coming:
		return
	case p.Start == s.start:
		if number < len(s.pieces) {
			v.change(s.pieces[number], rooms)
			s.pieces[number] = rooms
		}
		return
	case p.Start > s.coming:
		s.coming, s.comingTo, s.comingLack = p.Start, make([]map[string][]Member, p.Of), p.Of
	}
	if number >= len(s.comingTo) {
		return
	}
	if s.comingTo[number] == nil {
		s.comingLack--
	}
	if s.comingTo[number] = rooms; s.comingLack > 0 {
		return
	}
	v.changeAll(s)
	s.start, s.pieces, s.comingTo = s.coming, s.comingTo, nil
	v.changeAll(s)
}

// change notes which rooms differ. The lock is held.
func (v *view) change(from, to map[string][]Member) {
	for room, members := range from {
		if !slices.EqualFunc(members, to[room], Member.isSame) {
			v.changed[room] = struct{}{}
		}
	}
	for room := range to {
		if from[room] == nil {
			v.changed[room] = struct{}{}
		}
	}
}

// changeAll notes that all rooms of a server may differ. The lock is held.
func (v *view) changeAll(s *serverView) {
	for _, rooms := range s.pieces {
		v.change(rooms, nil)
	}
}

// sweep finds out who is gone. The lock is held.
func (v *view) sweep(now time.Time) {
	if isCut := now.Sub(v.own) >= cutAfter; isCut != v.isCut {
		v.isCut = isCut
		for _, s := range v.servers {
			if s.gone.IsZero() {
				v.changeAll(s)
			}
		}
	}
	if now.Sub(v.own) >= deafAfter {
		return
	}
	for name, s := range v.servers {
		heard := s.heard
		if heard.Before(v.since) {
			heard = v.since
		}
		switch {
		case !s.gone.IsZero():
			if now.Sub(s.gone) > membersKept { // as has the bucket
				delete(v.servers, name)
			}
		case now.Sub(heard) >= goneAfter:
			s.gone = now
			v.changeAll(s)
		}
	}
}

// names returns the servers that are there, in order.
func (v *view) names(now time.Time) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.current(now)
}

// current is names. The lock is held.
func (v *view) current(now time.Time) (names []string) {
	if v.sweep(now); v.isCut {
		return nil
	}
	for name, s := range v.servers {
		if s.gone.IsZero() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (v *view) members(room string, now time.Time) []ServerMembers {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []ServerMembers
	for _, name := range v.current(now) {
		var members []Member
		for _, rooms := range v.servers[name].pieces {
			members = append(members, rooms[room]...)
		}
		if len(members) > 0 {
			slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
			all = append(all, ServerMembers{name, members})
		}
	}
	return all
}

func (v *view) count(room string, now time.Time) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range v.current(now) {
		for _, rooms := range v.servers[name].pieces {
			n += len(rooms[room])
		}
	}
	return n
}

// changes returns the rooms whose members may have changed since it was last called, in order.
func (v *view) changes(now time.Time) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	rooms := slices.Sorted(maps.Keys(v.changed))
	clear(v.changed)
	return rooms
}
