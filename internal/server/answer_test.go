//go:build linux

package server

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// A loop that is stuck does not answer, and what it has answered before still counts.
func TestStuckLoop(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	out := output{sending: &s.sending, logger: s.config.Logger, limits: standardSend}
	for i := range 6 {
		s.loops = append(s.loops, newLoop(idleKernel{}, i, out, s.identities, s.passes, limits{}, new(atomic.Bool)))
	}
	s.isServing = true
	const stuck = 1
	s.loops[stuck].counts.wakeups, s.loops[stuck].counts.messages = 1, 5
	answers := func(loops ...int) Stats {
		stats := make(chan Stats)
		go func() { stats <- s.Stats() }()
		for answered := 0; answered < len(loops); time.Sleep(time.Millisecond) {
			for _, i := range loops {
				if s.loops[i].inbox.hasAskers.Load() {
					s.loops[i].answerStats() // as at the end of a wake-up
					answered++
				}
			}
		}
		return <-stats
	}
	silent := func(stats Stats) (all []int) {
		for i, l := range stats.Loops {
			if !l.Answers {
				all = append(all, i)
			}
		}
		return all
	}
	if got := answers(0, 1, 2, 3, 4, 5); len(got.Loops) != 6 || silent(got) != nil || got.Messages != 5 {
		t.Errorf("while all answer: %+v", got)
	}
	s.loops[stuck].counts.messages = 6
	if got := answers(0, 2, 3, 4, 5); !slices.Equal(silent(got), []int{stuck}) || got.Messages != 5 {
		t.Errorf("while one is stuck: %+v", got)
	}
	if got := answers(0, 1, 2, 3, 4, 5); silent(got) != nil || got.Messages != 6 {
		t.Errorf("when it is not any more: %+v", got)
	}
}

// The time in which a room is pressed and held is counted once, whichever loops look, and
// not while nobody looks.
func TestRestraint(t *testing.T) {
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	var r restraint
	var a, b tally
	r.look(false, false, at(0), &a)
	r.look(true, false, at(10), &a)
	r.look(true, true, at(11), &b)
	r.look(true, true, at(13), &a)
	r.look(true, true, at(12), &b) // this one's clock is behind
	r.look(true, false, at(15), &b)
	r.look(false, false, at(18), &a)
	r.look(false, false, at(100), &b)
	if pressed, held := a.pressed+b.pressed, a.held+b.held; pressed != 8*time.Second || held != 4*time.Second {
		t.Errorf("it was pressed for %v and held for %v, want 8s and 4s", pressed, held)
	}
}

// Questions for the numbers of a loop that is stuck do not pile up, and the last are
// answered when it goes on.
func TestStuckLoopKeepsFewQuestions(t *testing.T) {
	b := &inbox{wake: func() {}}
	var last chan report
	for range 10 * mostAskers {
		last = make(chan report, 1)
		b.ask(last)
	}
	all := b.takeAsked()
	if len(all) > mostAskers {
		t.Errorf("%d questions are kept", len(all))
	}
	for _, to := range all {
		to <- report{}
	}
	if len(last) == 0 {
		t.Error("the last question is not answered")
	}
}
