package cluster

import (
	"bytes"
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// errNetwork is the error of a model's calls whose outcome is unknown.
var errNetwork = errors.New("no answer came")

// A model is a stream in memory. Faults are what a test makes of them: before is called before
// each call is carried out, and after it behind that; either may return an error, which is
// then that of the call.
type model struct {
	mu       sync.Mutex
	all      []Message // all there ever were; the first has sequence 1
	first    uint64    // those before it were dropped
	created  time.Time
	keep     time.Duration
	now      func() time.Time
	before   func() error
	after    func() error
	arrived  chan struct{} // closed and replaced when there is another message
	breaking func() error  // a reader's error
}

func newModel(now func() time.Time) *model {
	none := func() error { return nil }
	return &model{first: 1, created: time.Unix(1, 0), now: now, before: none, after: none, breaking: none, arrived: make(chan struct{})}
}

func (m *model) last() uint64 { return uint64(len(m.all)) }

// append is Publish without faults.
func (m *model) append(subject string, last uint64, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, _ := m.lastOf(subject, m.last())
	if at.Seq != last && last != AnyLast {
		return 0, ErrWrongLast
	}
	m.all = append(m.all, Message{subject, m.last() + 1, m.now(), bytes.Clone(data)})
	close(m.arrived)
	m.arrived = make(chan struct{})
	return m.last(), nil
}

// lastOf returns the last message of a subject up to a sequence. The caller holds the lock.
func (m *model) lastOf(subject string, to uint64) (Message, error) {
	for seq := to; seq >= m.first; seq-- {
		if matches(subject, m.all[seq-1].Subject) {
			return m.all[seq-1], nil
		}
	}
	return Message{}, ErrNoMessage
}

func matches(pattern, subject string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == subject
	}
	ok, _ := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(subject, ".", "/"))
	return ok
}

func (m *model) Publish(_ context.Context, subject string, last uint64, data []byte) (uint64, error) {
	if err := m.before(); err != nil {
		return 0, err
	}
	seq, err := m.append(subject, last, data)
	if lost := m.after(); lost != nil {
		return 0, lost
	}
	return seq, err
}

func (m *model) Last(_ context.Context, subject string) (Message, error) {
	if err := m.before(); err != nil {
		return Message{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastOf(subject, m.last())
}

func (m *model) Next(_ context.Context, subject string, from uint64) (Message, error) {
	if err := m.before(); err != nil {
		return Message{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for seq := max(from, m.first); seq <= m.last(); seq++ {
		if matches(subject, m.all[seq-1].Subject) {
			return m.all[seq-1], nil
		}
	}
	return Message{}, ErrNoMessage
}

func (m *model) Subjects(_ context.Context, pattern string) (all []string, _ error) {
	if err := m.before(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for seq := m.first; seq <= m.last(); seq++ {
		if subject := m.all[seq-1].Subject; matches(pattern, subject) && !slices.Contains(all, subject) {
			all = append(all, subject)
		}
	}
	return all, nil
}

func (m *model) Info(context.Context) (Info, error) {
	if err := m.before(); err != nil {
		return Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info(m.last()), nil
}

func (m *model) info(last uint64) Info { return Info{m.first, last, m.created, m.keep} }

// drop drops what is older than the stream keeps.
func (m *model) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.keep > 0 && m.first <= m.last() && m.now().Sub(m.all[m.first-1].Time) > m.keep {
		m.first++
	}
}

func (m *model) Read(ctx context.Context, from uint64) (Reader, error) {
	if err := m.before(); err != nil {
		return nil, err
	}
	return &modelReader{m, from}, nil
}

type modelReader struct {
	model *model
	next  uint64
}

func (r *modelReader) Next(ctx context.Context) (Message, error) {
	m := r.model
	for {
		if err := m.breaking(); err != nil {
			return Message{}, err
		}
		m.mu.Lock()
		arrived := m.arrived
		if r.next = max(r.next, m.first); r.next <= m.last() {
			r.next++
			defer m.mu.Unlock()
			return m.all[r.next-2], nil
		}
		m.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

func (r *modelReader) Close() {}
