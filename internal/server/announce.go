//go:build linux

package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// In a room that announces, the server says who joins and who leaves. The first to do so
// after a quiet second is announced at once, and what follows within a second in one
// message. So ten thousand clients that come back after a restart cause one message a
// second.
//
//	loops     Room.note ──▶ arrivals of the room    what has yet to be announced
//	                             │
//	first loop     speaker.rooms ┴──▶ announceDue ──▶ say

const (
	// announceInterval is how long two announcements in a room are apart at least.
	announceInterval = time.Second
	// mostAnnounced is in how many rooms something is announced in one wake-up, so that
	// thousands of them keep nobody waiting.
	mostAnnounced = 256
	// mostNames is how many clients an announcement names. If there are more, it has only
	// their number.
	mostNames = 3
	// mostArrivals is how many names are kept until they are announced, to notice that one
	// is back.
	mostArrivals = 16
)

// An arrival is a client that has joined, or left.
type arrival struct {
	name string
	left bool
}

// arrivals are what has yet to be announced in a room.
type arrivals struct {
	on atomic.Bool // RoomConfig.Announce

	mu     sync.Mutex
	names  []arrival // guarded by mu; the first ones
	joined int       // guarded by mu
	left   int       // guarded by mu
	waits  bool      // guarded by mu; the speaker knows of it
}

// note has it be announced that a client has joined, or left. Any loop may call it.
func (r *Room) note(name string, left bool) {
	switch a := r.arrivals.Load(); {
	case a == nil || !a.on.Load():
	case !left && r.speaker.absent.returns(r, name):
	case a.add(arrival{name, left}):
		r.speaker.notify(r)
	}
}

// add adds an arrival, and reports whether the speaker has to be told. A client that is
// back cancels that it was gone, and the other way round.
func (s *arrivals) add(a arrival) (mustTell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opposite := arrival{a.name, !a.left}
	if i := slices.Index(s.names, opposite); i >= 0 {
		s.names = slices.Delete(s.names, i, i+1)
		s.count(opposite, -1)
		return false // it has been
	}
	if s.count(a, 1); len(s.names) < mostArrivals {
		s.names = append(s.names, a)
	}
	mustTell = !s.waits
	s.waits = true
	return mustTell
}

func (s *arrivals) count(a arrival, by int) {
	if a.left {
		s.left += by
	} else {
		s.joined += by
	}
}

// take returns the text that announces what there is; "" if there is nothing any more.
func (s *arrivals) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text()
	s.names, s.joined, s.left, s.waits = nil, 0, 0, false
	return text
}

// text returns the text of take. Names are between quotes, in which nothing can be mistaken
// for what the server says.
func (s *arrivals) text() string {
	var joined, left []string
	for _, a := range s.names {
		if name := strconv.Quote(a.name); a.left {
			left = append(left, name)
		} else {
			joined = append(joined, name)
		}
	}
	if n := s.joined + s.left; n == len(s.names) && n <= mostNames {
		if text := sentence(listed(joined), listed(left)); len(text) < wire.TextSize {
			return text
		}
	}
	return sentence(counted(s.joined), counted(s.left))
}

// sentence returns who joined and who left; "" for either is nobody.
func sentence(joined, left string) string {
	switch {
	case left == "" && joined == "":
		return ""
	case left == "":
		return joined + " joined"
	case joined == "":
		return left + " left"
	}
	return fmt.Sprintf("%s joined, %s left", joined, left)
}

func counted(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// listed returns words as a list: a, b and c.
func listed(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// An announcer is what the first loop keeps for announcements. Its fields are that loop's
// but for sender, which never changes.
type announcer struct {
	sender *broadcast.Sender // the server
	due    []*Room           // with something to be announced, the first to wait first
	held   []*Room           // were due while they were held, and are due again later
	at     time.Time         // nothing is announced before
}

// notify has something be announced in a room.
func (s *speaker) notify(room *Room) {
	s.mu.Lock()
	defer s.mu.Unlock() // so that it wakes no loop that has been destroyed
	if s.closed {
		return
	}
	s.rooms = append(s.rooms, room)
	s.wakeForFirst()
}

// deadline returns when to announce something; zero is whenever there is something. It
// belongs to the first loop.
func (s *speaker) deadline() (at time.Time) {
	if len(s.due) > 0 {
		at = s.at
	}
	return earliest(at, s.absent.deadline())
}

// announceDue announces what is due, in these rooms and others. A room that is held waits
// for the next time.
func (l *loop) announceDue(rooms []*Room) {
	s := &l.speaker.announcer
	s.due = append(s.due, rooms...)
	if len(s.due) == 0 || l.now.Before(s.at) {
		return
	}
	n := min(len(s.due), mostAnnounced)
	for _, room := range s.due[:n] {
		if room.takesNothing() {
			s.held = append(s.held, room)
		} else if text := room.arrivals.Load().take(); text != "" {
			m, _ := wire.New(s.sender.Name, text) // both fit, and have no zero byte
			l.sayAll(room, s.sender, []wire.Message{m})
		}
	}
	if s.due, s.at = slices.Clone(s.due[n:]), l.now; len(s.due) == 0 {
		s.due, s.held, s.at = s.held, nil, l.now.Add(announceInterval)
	}
}

// SetAnnounce changes RoomConfig.Announce.
func (s *Server) SetAnnounce(room *Room, announce bool) { room.setAnnounce(announce) }

func (r *Room) setAnnounce(announce bool) {
	if announce {
		r.arrivals.CompareAndSwap(nil, new(arrivals))
	}
	if a := r.arrivals.Load(); a != nil {
		a.on.Store(announce)
	}
}

// isServers reports whether a client's name looks like that of the server, which nobody else
// may have where names are unique.
func (r *Room) isServers(name string) bool {
	looks := r.names.by.Load()
	if looks == nil || r.speaker == nil {
		return false
	}
	own := (*looks)(r.speaker.sender.Name)
	return slices.ContainsFunc((*looks)(name), func(s string) bool { return slices.Contains(own, s) })
}
