package cluster

import (
	"context"
	"slices"
	"time"
)

// A flight is an attempt to publish that is under way.
type flight struct {
	server *simServer // nil if it does not wait for an answer any more
	publishAction
	recall *recall // whose record it is, or nil
	since  time.Time
}

// answer tells the server of an attempt what came of it.
func (f *flight) answer(err error) {
	if f.recall != nil {
		f.server.recalled(recallAction{f.room, f.recall, f.subject, f.data, f.attempt}, err)
	} else {
		f.server.published(f.publishAction, err)
	}
}

// act does what the cores want done.
func (w *world) act() {
	for _, s := range slices.Clone(w.servers) {
		for len(s.actions) > 0 && slices.Contains(w.servers, s) {
			action := s.actions[0]
			s.actions = s.actions[1:]
			switch a := action.(type) {
			case publishAction:
				w.flights = append(w.flights, flight{s, a, nil, w.now})
			case askAction:
				last, info, err := w.ask(a.subject)
				w.check(s, s.answered(a.room, last, info, err))
			case catchAction:
				m, err := w.model.Next(context.Background(), s.prefix+"."+token(a.room.name)+".*", a.from)
				w.check(s, s.caught(a.room, m, w.model.first, err))
			case recallAction:
				w.flights = append(w.flights, flight{s, publishAction{room: a.room, subject: a.subject, last: AnyLast, data: a.data, attempt: a.attempt}, a.recall, w.now})
			case lookAction:
				s.looked(w.model.Subjects(context.Background(), s.prefix+"."+serversToken+".*"))
			case claimAction:
				_, _ = w.model.Publish(context.Background(), a.subject, a.last, a.data)
				s.reclaimed()
			}
		}
	}
}

// ask answers as the leader, or as one that was it.
func (w *world) ask(subject string) (uint64, Info, error) {
	if w.chance(0.1) {
		return 0, Info{}, errNetwork
	}
	to := w.model.last()
	if w.chance(0.1) {
		to -= min(uint64(w.rng.IntN(20)), to-w.model.first+1)
		w.counts["old answer"]++
	}
	m, _ := w.model.lastOf(subject, to)
	return m.Seq, w.model.info(to), nil
}

// leaders is the stream as a server sees it that asks for the last message of a subject: the
// leader answers, or one that was it.
type leaders struct {
	*model
	w *world
}

func (l leaders) Last(_ context.Context, subject string) (Message, error) {
	last, info, err := l.w.ask(subject)
	if err != nil {
		return Message{}, err
	}
	if last == 0 {
		return Message{}, ErrNoMessage
	}
	return l.lastOf(subject, info.Last)
}

// isSaidByAnother reports whether another instance has said something on a subject behind a sequence.
func (w *world) isSaidByAnother(subject string, id instance, behind uint64) bool {
	return slices.ContainsFunc(w.model.all[behind:], func(m Message) bool {
		b, _ := parse(m.Data)
		return m.Subject == subject && b.instance != id
	})
}

// fly has something that is under way get on, or not.
func (w *world) fly() {
	if len(w.flights) == 0 {
		return
	}
	i := w.rng.IntN(len(w.flights))
	f := w.flights[i]
	isOver, isAnswered := true, true
	var err error
	switch {
	case f.server == nil && w.now.Sub(f.since) > simLatest, w.chance(0.05):
		err = errNetwork
		w.counts["lost"]++
	case f.server != nil && w.chance(0.1): // it comes later
		err = errNetwork
		isOver = false
	default:
		if _, err = w.model.append(f.subject, f.last, f.data); err == nil {
			w.counts["published"]++
			if b, _ := parse(f.data); b.count == 0 {
				w.counts["renewed"]++
			}
		} else {
			w.counts["wrong last"]++
		}
		if f.server == nil {
			w.counts["late"]++
		} else if w.chance(0.1) {
			err = errNetwork
			w.counts["unacknowledged"]++
		}
		if w.chance(0.1) {
			isAnswered = false // or it is told later, after it has come back
			w.flights[i].last = ^uint64(0) - 1
		}
	}
	if isAnswered && f.server != nil && slices.Contains(w.servers, f.server) {
		f.answer(err)
	}
	if f.server == nil || isAnswered {
		w.flights[i].server = nil
	}
	if isOver && (f.server == nil || isAnswered) {
		w.flights = slices.Delete(w.flights, i, i+1)
	}
}

// deliverNext has a server read the next message, or what a bad reader gives it.
func (w *world) deliverNext(s *simServer) {
	if !s.wantsMore() {
		return
	}
	if !s.isReading {
		var at Message
		position := max(s.position, 1)
		_, info, err := w.ask("")
		if err != nil {
			return
		}
		if position <= info.Last && position >= w.model.first {
			at = w.model.all[position-1]
		}
		_, err = s.opened(info, s.created, at)
		w.check(s, err)
		w.counts["reopened"]++
		return
	}
	next := max(s.position+1, w.model.first)
	switch {
	case w.chance(0.01):
		s.closed()
		return
	case w.chance(0.01):
		next++
	case w.chance(0.01) && next > w.model.first:
		next--
		w.counts["twice"]++
	}
	if next > w.model.last() || next == 0 {
		return
	}
	isNext, err := s.receive(w.model.all[next-1])
	if !isNext {
		s.closed()
		w.counts["gap"]++
	}
	w.check(s, err)
}
