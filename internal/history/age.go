package history

import (
	"slices"
	"time"
)

// An age tells which messages are older than the retention time, even if the
// clock is set while the server runs.
//
// The age of a message that this server wrote is known, whatever its time says.
// Of earlier messages only the time is known. They count as old if they are old
// both by the clock and by what the clock would show if it had not been set.
type age struct {
	retain time.Duration
	begun  time.Time     // when the server began, by the clock, without the monotonic reading
	since  time.Duration // the same moment, see elapsed
	first  int64         // the sequence of the first message since then
	marks  []mark        // in order
}

// A mark says that the messages from a sequence on were written after a moment.
type mark struct {
	sequence int64
	at       time.Duration
}

func newAge(retain time.Duration, now time.Time, elapsed time.Duration, first int64) *age {
	return &age{retain, now.Round(0), elapsed, first, []mark{{first, elapsed}}}
}

// record marks that the next message is not written before now.
func (a *age) record(next int64, elapsed time.Duration) {
	const marksKept = 64 // marks in the time for which messages are kept
	if elapsed-a.marks[len(a.marks)-1].at < a.retain/marksKept {
		return
	}
	if a.marks = append(a.marks, mark{next, elapsed}); a.oldMarks(elapsed) > 1 {
		a.marks = slices.Delete(a.marks, 0, a.oldMarks(elapsed)-1)
	}
}

// oldMarks returns how many marks are older than the retention time.
func (a *age) oldMarks(elapsed time.Duration) int {
	return len(a.marks) - len(a.youngMarks(elapsed))
}

func (a *age) youngMarks(elapsed time.Duration) []mark {
	i := slices.IndexFunc(a.marks, func(m mark) bool { return elapsed-m.at < a.retain })
	if i < 0 {
		return nil
	}
	return a.marks[i:]
}

// firstYoung returns the sequence from which on no message is too old.
func (a *age) firstYoung(elapsed time.Duration) int64 {
	return a.marks[max(0, a.oldMarks(elapsed)-1)].sequence
}

// cutoff returns the time before which messages of earlier servers are too old.
func (a *age) cutoff(now time.Time, elapsed time.Duration) time.Time {
	unset := a.begun.Add(elapsed - a.since)
	if now = now.Round(0); unset.Before(now) {
		now = unset
	}
	return now.Add(-a.retain)
}
