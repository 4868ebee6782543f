//go:build linux

package server

import (
	"sync"
	"time"

	"sop-chat/internal/handover"
)

// Clients that can't be handed over are told to come back, and an upgrade is to be noticed
// by nobody. So it is not announced that they have left until they have had time for it,
// and those that are back are not announced at all.

// returnGrace is how long clients may take to come back: those of the page take 8 seconds at
// most, and if they fail once, 16 more.
const returnGrace = 30 * time.Second

// save returns what has yet to be announced in a room; nil if that is nothing.
func (r *Room) saveArrivals() *handover.Arrivals {
	s := r.arrivals.Load()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	saved := &handover.Arrivals{Joined: s.joined, Left: s.left}
	for _, a := range s.names {
		saved.Names = append(saved.Names, handover.Arrival{Name: []byte(a.name), Left: a.left})
	}
	if r.speaker != nil {
		saved.Away = r.speaker.absent.of(r)
	}
	if saved.Joined+saved.Left+len(saved.Away) == 0 {
		return nil
	}
	return saved
}

// restoreArrivals has a room that is about to be opened announce what it had yet to.
func (r *Room) restoreArrivals(saved *handover.Arrivals) {
	s := r.arrivals.Load()
	if saved == nil || s == nil || !s.on.Load() {
		return
	}
	for _, name := range saved.Away {
		r.speaker.absent.add(r, string(name))
	}
	s.mu.Lock()
	s.joined, s.left = max(0, saved.Joined), max(0, saved.Left)
	for _, a := range saved.Names[:min(len(saved.Names), mostArrivals)] {
		s.names = append(s.names, arrival{string(a.Name), a.Left})
	}
	s.waits = s.joined+s.left > 0
	waits := s.waits
	s.mu.Unlock()
	if waits {
		r.speaker.notify(r)
	}
}

// absent are the clients of all rooms that are to come back. The zero value has none.
type absent struct {
	mu sync.Mutex
	by map[*Room]map[string]int // guarded by mu; how many have a name

	giveUpAt time.Time // the first loop's; the zero value until the grace has begun
}

// add adds a client of a room. It is called before there are loops.
func (s *absent) add(r *Room, name string) {
	if a := r.arrivals.Load(); a == nil || !a.on.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[*Room]map[string]int)
	}
	if s.by[r] == nil {
		s.by[r] = make(map[string]int)
	}
	s.by[r][name]++
}

// returns reports whether a client that joins is one of them. It is none any more then.
func (s *absent) returns(r *Room, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.by[r]
	if names[name] == 0 {
		return false
	}
	if names[name]--; names[name] == 0 {
		delete(names, name)
	}
	return true
}

// of returns the names in a room.
func (s *absent) of(r *Room) (all [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.by[r] {
		for range n {
			all = append(all, []byte(name))
		}
	}
	return all
}

// deadline returns when the grace is over; zero if it is not under way. It belongs to the
// first loop, and so does giveUpLate.
func (s *absent) deadline() time.Time { return s.giveUpAt }

// giveUpLate has it be announced who is not back when the grace is over. That begins with
// the first call.
func (s *absent) giveUpLate(now time.Time) {
	s.mu.Lock()
	by := s.by
	switch {
	case by == nil:
	case s.giveUpAt.IsZero():
		s.giveUpAt = now.Add(returnGrace)
	case !now.Before(s.giveUpAt):
		s.by, s.giveUpAt = nil, time.Time{}
	}
	isOver := s.by == nil
	s.mu.Unlock()
	if !isOver {
		return
	}
	for room, names := range by {
		for name, n := range names {
			for range n {
				room.note(name, true)
			}
		}
	}
}
