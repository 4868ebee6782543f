package history

import (
	"fmt"
	"testing"
	"time"
)

// However the clock is set while the server runs, young messages are kept, old
// ones are removed, and earlier ones don't count as older than they are.
func TestAge(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	begun := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		what string
		set  []time.Duration // by how much the clock is wrong, each for six hours
	}{
		{"right", []time.Duration{0, 0, 0, 0, 0, 0, 0, 0}},
		{"set back by a day", []time.Duration{0, -day, -day, -day, -day, -day, -day}},
		{"set back for a while", []time.Duration{0, -day, -day, 0, 0, 0, 0, 0}},
		{"a year ahead", []time.Duration{0, year, year, year, year, year}},
		{"a year ahead for a while", []time.Duration{0, year, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(test.what, func(t *testing.T) {
			const retain, step = day, 6 * time.Hour
			path := newFile(t)
			s, _, err := openStore(path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			written := map[int64]time.Duration{} // when, in truth, since the server began
			say := func(sequence int64, truth, clock time.Duration) {
				m := Message{Sequence: sequence, Time: begun.Add(truth + clock), Room: "main", From: *alice}
				addAll(t, s, []Message{m})
				written[sequence] = truth
			}
			say(1, -30*time.Hour, 0) // by an earlier server
			say(2, -6*time.Hour, 0)
			a := newAge(retain, begun, 0, 3)
			next := int64(3)
			for i, set := range test.set {
				truth := time.Duration(i) * step
				for minute := time.Duration(0); minute < step; minute += 10 * time.Minute {
					a.record(next, truth+minute)
					say(next, truth+minute, set)
					next++
				}
				truth += step
				for {
					n, err := s.file.expire(a, begun.Add(truth+set), truth, removal{which: "true"})
					if err != nil {
						t.Fatal(err)
					}
					if n < pruneBatch {
						break
					}
				}
				left := map[int64]bool{}
				for _, m := range read(t, path, Filter{}) {
					left[m.Sequence] = true
				}
				for sequence, at := range written {
					age := truth - at
					switch {
					case age < retain && !left[sequence]:
						t.Fatalf("after %v, message %d is removed, which is %v old", truth, sequence, age)
					case age > retain+time.Hour && left[sequence] && (sequence > 2 || set >= 0):
						t.Fatalf("after %v, message %d is kept, which is %v old", truth, sequence, age)
					}
				}
			}
			if n := len(a.marks); n > 70 {
				t.Errorf("%d marks are kept", n)
			}
		})
	}
}

// If all messages seem too old when a server begins, its clock may be wrong.
func TestAllTooOld(t *testing.T) {
	path := newFile(t)
	r := newRoom(t, path, Config{Window: time.Millisecond})
	r.say(alice, "alice", "hello", time.Now().Add(-100*24*time.Hour))
	r.finish()
	r = newRoom(t, path, Config{Window: time.Millisecond, Retain: 30 * 24 * time.Hour})
	r.say(alice, "alice", "new", time.Now())
	r.finish()
	if n, said := len(read(t, path, Filter{})), r.journal.String(); n != 2 {
		t.Errorf("%d messages are left; said is %s", n, said)
	} else {
		expectError(t, "said", fmt.Errorf("%s", said), "is the clock right?")
	}
}
