//go:build linux

package server

import "sop-chat/internal/netpoll"

// audiences are those of a loop: one for each room that has members there. In a wake-up,
// the loop looks at those alone that have something to do.
type audiences struct {
	common   *common
	all      []*audience // by index; nil where there is none
	free     []int32     // the indices of those
	touched  []*audience // those with something to do in this wake-up
	schedule schedule
	woken    []*Room // memory for inbox.takeWoken

	// next is the next event of the same audience, for each event of a wake-up.
	next [maxEvents]int32
}

// An eventList is the events of an audience in a wake-up, by their index.
type eventList struct{ first, last int32 } // first is -1 if there is none

// get returns the audience of a room, which may be a new one, and touches it.
func (s *audiences) get(room *Room) *audience {
	a := s.of(room)
	if a == nil {
		a = &audience{common: s.common, room: room, written: room.log.Head()}
		if last := len(s.free) - 1; last >= 0 {
			a.index, s.free = s.free[last], s.free[:last]
			s.all[a.index] = a
		} else {
			a.index = int32(len(s.all))
			s.all = append(s.all, a)
		}
		room.at[s.common.inbox.loop].audience = a.index + 1
	}
	s.touch(a)
	return a
}

// of returns the audience of a room, or nil.
func (s *audiences) of(room *Room) *audience {
	if i := room.at[s.common.inbox.loop].audience; i > 0 {
		return s.all[i-1]
	}
	return nil
}

// at returns the audience a connection belongs to, or nil.
func (s *audiences) at(c *conn) *audience {
	if c.audience < 0 {
		return nil
	}
	return s.all[c.audience]
}

// areSeveral reports whether there is more than one.
func (s *audiences) areSeveral() bool { return len(s.all)-len(s.free) > 1 }

// touch has an audience looked at in this wake-up.
func (s *audiences) touch(a *audience) {
	if !a.touched {
		a.touched = true
		s.touched = append(s.touched, a)
		if a.work == nil {
			a.work = s.common.works.take()
		}
		a.events.first = -1
		a.begin()
	}
}

// touchWoken touches the audiences of the rooms that have something new.
func (s *audiences) touchWoken() {
	s.woken = s.common.inbox.takeWoken(s.woken[:0])
	for _, room := range s.woken {
		if a := s.of(room); a != nil {
			a.woken.Store(false)
			s.touch(a)
		}
	}
	clear(s.woken)
}

// touchDue touches the audiences whose deadline has come.
func (s *audiences) touchDue() {
	for len(s.schedule) > 0 && !s.schedule[0].due.After(s.common.now) {
		a := s.schedule[0]
		s.schedule.set(a, never)
		s.touch(a)
	}
}

// addEvent adds the event with an index to those of a member's audience.
func (s *audiences) addEvent(c *conn, i int) {
	a := s.all[c.audience]
	s.touch(a)
	s.next[i] = -1
	if a.events.first < 0 {
		a.events.first = int32(i)
	} else {
		s.next[a.events.last] = int32(i)
	}
	a.events.last = int32(i)
}

// takeEvents calls handle with each event of an audience.
func (s *audiences) takeEvents(a *audience, events []netpoll.Event, t *table) {
	for i := a.events.first; i >= 0; i = s.next[i] {
		if c := t.lookup(&events[i]); c != nil && c.state >= member {
			a.handle(c, &events[i])
		}
	}
	a.events.first = -1
}

// drop drops an audience without members, which has nothing more to do.
func (s *audiences) drop(a *audience) {
	s.schedule.set(a, never)
	a.room.restrain(false, false, s.common.wall, &s.common.counts) // or nobody might look for long
	a.room.at[s.common.inbox.loop].audience = 0
	s.all[a.index] = nil
	s.free = append(s.free, a.index)
}

// settle ends a wake-up of the audiences that were touched.
func (s *audiences) settle() {
	for _, a := range s.touched {
		a.touched = false
		a.advance()
		if len(a.members) == 0 {
			s.drop(a)
			continue
		}
		s.schedule.set(a, a.deadline())
		if a.isDone() {
			s.common.works.putUpTo(maxEvents, a.work) // as many as may have work at once
			a.work = nil
		}
	}
	clear(s.touched)
	s.touched = s.touched[:0]
}
