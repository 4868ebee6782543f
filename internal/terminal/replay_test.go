package terminal

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// After a break every message of the room that the user had not seen is shown once and
// in order, however long the replay is, if no two messages are the same. Own messages
// may be elsewhere among the others. The last of them may have arrived without the
// client's knowledge, or be lost although it was told that they had arrived.
func TestOverlapOfDifferentMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		isOwn := rapid.SliceOfN(rapid.Bool(), 0, 40).Draw(t, "own")
		unnoticed := rapid.IntRange(0, 3).Draw(t, "unnoticed")
		var r record
		var room []said
		seen := make(map[said]bool)
		for i := range isOwn {
			s := said{"bob", fmt.Sprint(i)}
			if isOwn[i] {
				s.name = "alice"
			}
			room = append(room, s)
			ownLeft := 0
			for _, own := range isOwn[i:] {
				if own {
					ownLeft++
				}
			}
			if isOwn[i] && ownLeft <= unnoticed {
				r.pending = append(r.pending, s.text)
				continue
			}
			r.add(s, "alice")
			seen[s] = true
		}
		if len(r.pending) == 0 {
			for i := range rapid.IntRange(0, 3).Draw(t, "lost") {
				r.add(said{"alice", fmt.Sprint("lost ", i)}, "alice")
			}
		}
		r.pending = append(r.pending, "did not arrive")
		for i := range rapid.IntRange(0, 5).Draw(t, "said meanwhile") {
			room = append(room, said{"bob", fmt.Sprint("meanwhile ", i)})
		}
		came := room[len(room)-min(len(room), rapid.IntRange(0, 60).Draw(t, "replay")):]

		n := r.overlap(came, "alice")
		for i, s := range came {
			if i >= n && seen[s] {
				t.Fatalf("%v is repeated: of %v only %d were known", s, came, n)
			}
			if i < n && !seen[s] && !slices.Contains(r.pending, s.text) {
				t.Fatalf("%v is left out of %v", s, came)
			}
		}
	})
}

// With any messages, overlap is what its definition says.
func TestOverlapIsLongest(t *testing.T) {
	message := rapid.Custom(func(t *rapid.T) said {
		return said{rapid.SampledFrom([]string{"alice", "bob", " alice"}).Draw(t, "name"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text")}
	})
	rapid.Check(t, func(t *rapid.T) {
		var r record
		for _, s := range rapid.SliceOfN(message, 0, 12).Draw(t, "shown") {
			r.add(s, "alice")
		}
		r.pending = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 3).Draw(t, "pending")
		came := rapid.SliceOfN(message, 0, 12).Draw(t, "came")
		ownAndPending := slices.Clone(r.own)
		for _, text := range r.pending {
			ownAndPending = append(ownAndPending, said{"alice", text})
		}
		isLast := func(list, all []said) bool {
			return len(list) <= len(all) && slices.Equal(list, all[len(all)-len(list):])
		}
		want := 0
		for n := range len(came) + 1 {
			var others, own []said
			for _, s := range came[:n] {
				if s.isUnder("alice") {
					own = append(own, s)
				} else {
					others = append(others, s)
				}
			}
			isOwn := false
			for end := range len(ownAndPending) + 1 {
				isOwn = isOwn || isLast(own, ownAndPending[:end])
			}
			if isLast(others, r.others) && isOwn {
				want = n
			}
		}
		if got := r.overlap(came, "alice"); got != want {
			t.Fatalf("of %v after %v %d are known, want %d", came, r, got, want)
		}
	})
}

// The record is bounded, and so is the time it takes to search it, even if all
// messages are the same.
func TestRecordIsBounded(t *testing.T) {
	var r record
	came := make([]said, maxMessages)
	for i := range 3 * maxMessages {
		r.add(said{"bob", "same"}, "alice")
		r.add(said{"alice", "same"}, "alice")
		came[i%maxMessages] = said{"bob", "same"}
	}
	if n := len(r.others); n < maxMessages || n > 2*maxMessages || len(r.own) != n {
		t.Errorf("%d and %d messages are kept", n, len(r.own))
	}
	if n := r.overlap(came, "alice"); n != maxMessages {
		t.Errorf("%d are known", n)
	}
}
