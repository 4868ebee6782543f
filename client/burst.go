package client

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A burst is what comes over TCP right after joining, without a pause. It may be a
// replay, or have been said just then; nothing tells.
type burst struct {
	messages []Message
	until    time.Time
}

const (
	burstPause   = 300 * time.Millisecond // after which nothing more belongs to it
	longestBurst = 2 * time.Second
	// maxRecord is how many messages are remembered, and may be recognised in a burst.
	maxRecord = 10_000
)

// receiveBurst receives until the burst is over.
func (s *Session) receiveBurst(ctx context.Context) error {
	for len(s.burst.messages) < maxRecord {
		until := time.Now().Add(burstPause)
		if s.burst.until.Before(until) {
			until = s.burst.until
		}
		limited, cancel := context.WithDeadline(ctx, until)
		m, err := s.conn.messages.one(limited)
		cancel()
		if err != nil {
			if !s.conn.hasEnded() && ctx.Err() != nil {
				return context.Cause(ctx) // and go on later
			}
			break
		}
		s.burst.messages = append(s.burst.messages, m)
	}
	s.endBurst()
	return nil
}

// endBurst makes events of the messages of a burst that were not received before.
func (s *Session) endBurst() {
	came := s.burst.messages
	s.burst = nil
	known, pending := s.record.known(came, s.name), s.queue.tried()
	s.mu.Lock()
	defer s.mu.Unlock()
	own := make(map[string]bool)
	for _, text := range s.record.own {
		own[text] = true
	}
	for _, m := range came {
		switch {
		case !isUnder(m, s.name):
			if known--; known >= 0 {
				continue
			}
			s.record.add(m)
		case len(pending) > 0 && m.Name == s.name && m.Text == pending[0]:
			pending = pending[1:]
			s.record.addOwn(s.queue.arrived(1))
			continue
		case own[m.Text]:
			continue
		}
		m.Old = true
		s.ready = append(s.ready, m)
	}
	s.settle()
	s.settle = func() {}
}

// isUnder reports whether a message is under a name.
func isUnder(m Message, name string) bool { return strings.TrimSpace(m.Name) == name }

// A record is what was received and sent over TCP, to recognise a replay. Where one's own
// messages are among the others is not known.
type record struct {
	others []said
	own    []string
	first  []said // what came right after joining for the first time, as far as it may be a greeting
}

// maxGreeting is how many messages a server says to each client that joins, before what it
// replays.
const maxGreeting = 8

// known returns how many messages of others at the beginning of a burst were received
// before. If those are not the last of the record, they may stand behind a greeting that is
// the same as the first time.
func (r *record) known(came []Message, name string) int {
	if n := r.overlap(came, name); n > 0 {
		return n
	}
	greeted := 0
	for greeted < min(len(r.first), len(came)) && r.first[greeted] == (said{came[greeted].Name, came[greeted].Text}) {
		greeted++
	}
	if n := r.overlap(came[greeted:], name); n > 0 {
		return greeted + n
	}
	if r.first == nil {
		r.first = []said{}
		for _, m := range came[:min(len(came), maxGreeting)] {
			if isUnder(m, name) {
				break
			}
			r.first = append(r.first, said{m.Name, m.Text})
		}
	}
	return 0
}

type said struct{ name, text string }

// add adds a message of another client.
func (r *record) add(m Message) {
	r.others = appendBounded(r.others, said{m.Name, m.Text})
}

// addOwn adds messages that have arrived.
func (r *record) addOwn(texts []string) {
	for _, text := range texts {
		r.own = appendBounded(r.own, text)
	}
}

// appendBounded appends a value, and keeps the last maxRecord at least.
func appendBounded[T any](to []T, value T) []T {
	if len(to) >= maxRecord+maxRecord/4 {
		to = slices.Clone(to[len(to)-maxRecord+1:])
	}
	return append(to, value)
}

// overlap returns how many messages of others at the beginning of a burst are the last
// of the record: the most that are. It is the algorithm of Knuth, Morris and Pratt.
func (r *record) overlap(came []Message, name string) int {
	var others []said
	for _, m := range came {
		if !isUnder(m, name) {
			others = append(others, said{m.Name, m.Text})
		}
	}
	// border[i] is the length of the longest proper prefix of others[:i+1] that is its
	// suffix, too.
	border := make([]int, len(others))
	grow := func(n int, s said) int { // the longest prefix that ends with s
		for n > 0 && (n == len(others) || others[n] != s) {
			n = border[n-1]
		}
		if n < len(others) && others[n] == s {
			n++
		}
		return n
	}
	for i := 1; i < len(others); i++ {
		border[i] = grow(border[i-1], others[i])
	}
	n := 0
	for _, s := range r.others {
		n = grow(n, s)
	}
	return n
}
