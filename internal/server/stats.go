//go:build linux

package server

import (
	"slices"
	"sync"
	"time"

	"sop-chat/internal/histogram"
	"sop-chat/internal/wire"
)

// Stats are what a server has counted since it started, and what it is like now. Those of
// one loop belong to one moment between two of its wake-ups.
type Stats struct {
	Serving bool        // not yet before Serve, and not any more when the server ends
	Loops   []LoopStats // none before the server serves

	Connections     uint64            // accepted, or handed over
	Disconnects     map[string]uint64 // by reason; all reasons are there
	Authentications map[string]uint64 // by outcome: accepted, or the reason for refusing
	Messages        uint64            // that were said
	Deliveries      uint64            // of them to clients
	Received, Sent  uint64            // bytes, from and to sockets
	Copied          uint64            // bytes of messages that were sent by copy
	Referred        uint64            // bytes of messages that were sent by reference
	Pressed, Held   time.Duration     // of all rooms together
	// WriteLatency is how long it took from when messages were read until they were
	// written to all clients of a loop that take them at once; a sample.
	WriteLatency histogram.Histogram

	Clients    int           // in the rooms
	WebSockets int           // of them, those that speak WebSocket
	Pending    int           // connections that have not given a key
	Lagging    int           // clients that have yet to take something
	Lag        uint64        // of the client furthest behind, in bytes
	LagTime    time.Duration // how long the oldest message waits that a client has yet to take
	Rooms      int
	// RoomsPressed and RoomsHeld are how many rooms are. One that is held is pressed, too.
	RoomsPressed, RoomsHeld int
	// Fullest is which share of its slots the fullest room has taken, with what it has at
	// other servers; 0 if none has a limit.
	Fullest float64
	// SendsByReference says that large batches are sent by reference for now.
	SendsByReference bool
}

// LoopStats are those of a loop.
type LoopStats struct {
	Wakeups uint64
	Busy    time.Duration // in which it did not wait
	Answers bool          // it was asked, and has answered; or else it is stuck
}

// A report is a loop's answer when it is asked for its numbers.
type report struct {
	tally
	members, webSockets, pending, lagging int
	lag                                   uint64 // in bytes
	lagTime                               time.Duration
}

// answerTimeout is how long Stats waits for a loop. Even a busy one needs milliseconds.
const answerTimeout = 2 * time.Second

// Stats asks all loops, and waits until they have answered, which they do at the end of
// a wake-up. Of one that does not for two seconds, it has what that has answered before.
func (s *Server) Stats() Stats {
	answers := s.askLoops()
	reports := make([]*report, len(answers))
	isLate := make(chan struct{})
	defer time.AfterFunc(answerTimeout, func() { close(isLate) }).Stop()
	for i, answer := range answers {
		reports[i] = receive(answer, isLate)
	}
	stats := s.sum(s.reports.update(reports), reports)
	stats.Serving = answers != nil
	for _, room := range s.Rooms() {
		stats.addRoom(room)
	}
	stats.SendsByReference = s.memory != nil && s.memory.Lends() && s.sending.mode() == references
	return stats
}

// receive returns a loop's answer, or nil if it is late and there is none.
func receive(answer <-chan report, isLate <-chan struct{}) *report {
	select {
	case r := <-answer:
		return &r
	case <-isLate:
	}
	select { // the answer may be there, and another loop be late
	case r := <-answer:
		return &r
	default:
		return nil
	}
}

// askLoops asks all loops, if the server serves, and returns the channels on which they answer.
func (s *Server) askLoops() []chan report {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isServing {
		return nil
	}
	answers := make([]chan report, len(s.loops))
	for i, l := range s.loops {
		answers[i] = make(chan report, 1) // so that no loop waits
		l.inbox.ask(answers[i])
	}
	return answers
}

// sum returns the sums of the loops' last reports. Those that were asked now and did not
// answer have no report in answers.
func (s *Server) sum(reports []report, answers []*report) Stats {
	var stats Stats
	var all tally
	for i := range reports {
		r := &reports[i]
		all.add(&r.tally)
		stats.Loops = append(stats.Loops, LoopStats{r.wakeups, r.busy, i < len(answers) && answers[i] != nil})
		stats.Clients += r.members
		stats.WebSockets += r.webSockets
		stats.Pending += r.pending
		stats.Lagging += r.lagging
		stats.Lag = max(stats.Lag, r.lag)
		stats.LagTime = max(stats.LagTime, r.lagTime)
	}
	stats.setCounts(&all)
	return stats
}

// setCounts sets what loops count.
func (s *Stats) setCounts(t *tally) {
	s.Connections = t.connections
	s.Disconnects = make(map[string]uint64, reasonCount)
	for r := range reasonCount {
		s.Disconnects[r.String()] = t.ended[r]
	}
	s.Authentications = map[string]uint64{"accepted": t.accepted}
	for _, r := range refusals {
		s.Authentications[r.String()] = t.refused[r]
	}
	s.Messages, s.Deliveries = t.messages, t.delivered/wire.Size
	s.Received, s.Sent = t.received, t.sent
	s.Copied, s.Referred = t.delivered-t.referred, t.referred
	s.Pressed, s.Held = t.pressed, t.held
	s.WriteLatency = t.latency
}

// addRoom adds what a room is like.
func (s *Stats) addRoom(r *Room) {
	s.Rooms++
	if r.isPressed() {
		s.RoomsPressed++
	}
	if r.isHeld() {
		s.RoomsHeld++
	}
	if slots := r.slots.Load(); slots > 0 {
		s.Fullest = max(s.Fullest, float64(r.taken.Load()+r.elsewhere.Load().count(0))/float64(slots))
	}
}

// answerStats answers those that have asked for the loop's numbers.
func (l *loop) answerStats() {
	if !l.inbox.hasAskers.Load() {
		return
	}
	r := l.report()
	for _, to := range l.inbox.takeAsked() {
		to <- r
	}
}

// report returns the loop's numbers.
func (l *loop) report() report {
	r := report{tally: l.counts, webSockets: l.webSockets}
	if l.acceptor != nil {
		r.pending = l.acceptor.all.size
	}
	for _, a := range l.audiences.all {
		if a == nil {
			continue
		}
		r.members += len(a.members)
		if a.work != nil {
			a.addLags(&r)
		}
	}
	return r
}

// addLags adds how far the members lag.
func (a *audience) addLags(r *report) {
	r.lagging += len(a.lagging)
	head := a.room.log.Head()
	for _, c := range a.lagging {
		if c.cursor >= head {
			continue // it is owed a pong, or the end of its frame
		}
		r.lag = max(r.lag, uint64(head-c.cursor))
		if !c.lag.replays {
			r.lagTime = max(r.lagTime, a.wall.Sub(a.room.log.TimeAt(c.cursor)))
		}
	}
}

// lastReports are the last reports of the loops, so that what was counted is still known
// while a loop does not answer, and when the server has ended.
type lastReports struct {
	mu  sync.Mutex
	all []report
}

// update takes reports that are newer, nil where there is none, and returns the last ones.
func (l *lastReports) update(newer []*report) []report {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range newer {
		if i == len(l.all) {
			l.all = append(l.all, report{})
		}
		if r != nil && r.wakeups >= l.all[i].wakeups { // or somebody else has asked later
			l.all[i] = *r
		}
	}
	return slices.Clone(l.all)
}
