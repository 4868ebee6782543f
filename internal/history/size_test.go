package history

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// usedOf returns how much of a file is in use.
func usedOf(t testing.TB, r *Reader) int64 {
	t.Helper()
	used, err := r.file.used(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// A file that is bounded by its size loses its oldest messages while it is written, keeps
// most of those that fit, and the log forgets what the file has not any more.
func TestRetainBytes(t *testing.T) {
	const limit, messages = 1 << 20, 8000
	r := newRoomOf(t, newFile(t), Config{Window: time.Millisecond, RetainBytes: limit}, "main", RoomConfig{Kept: messages})
	for i := range messages {
		r.add(alice, "alice", fmt.Sprint(i, strings.Repeat(" talk", 60)))
		if i%500 == 499 {
			r.append(noon.Add(time.Duration(i) * time.Second))
		}
	}
	reader := openReader(t, r.path)
	eventually(t, "it is small enough", func() bool {
		last, err := reader.Last(t.Context(), "")
		return err == nil && last == messages && usedOf(t, reader) <= limit
	})
	reader.Close()
	r.finish()
	left := read(t, r.path, Filter{})
	if n := int64(len(left)); left[n-1].Sequence != messages || left[0].Sequence != messages+1-n {
		t.Errorf("%d are left, from %d to %d", n, left[0].Sequence, left[n-1].Sequence)
	}
	reader = openReader(t, r.path)
	if used := usedOf(t, reader); used < limit/2 {
		t.Errorf("%d bytes are left of a bound of %d, and %d messages", used, limit, len(left))
	}
	reader.Close()
	checkFile(t, r.path)
}

// A room that is bounded loses its own messages alone, in about its part of the file.
func TestRetainBytesOfRoom(t *testing.T) {
	b := newBuilding(t, newFile(t), Config{Window: time.Millisecond})
	defer b.end()
	const messages = 3000
	small := b.open("small", RoomConfig{RetainBytes: 300_000})
	b.open("large", RoomConfig{})
	var texts []string
	for i := range messages {
		texts = append(texts, fmt.Sprint(i, strings.Repeat(" talk", 60)))
	}
	for i := 0; i < messages; i += 500 {
		b.say("small", noon, texts[i:i+500]...)
		b.say("large", noon, texts[i:i+500]...)
	}
	reader := openReader(t, b.path)
	part := func(name string) (messages, bytes int64) {
		all, errAll := reader.Count(t.Context(), Filter{})
		its, err := reader.Count(t.Context(), Filter{Room: name})
		if err != nil || errAll != nil || all == 0 {
			t.Fatal(err, errAll, all)
		}
		return int64(its), usedOf(t, reader) * int64(its) / int64(all)
	}
	eventually(t, "the room is small enough", func() bool {
		if err := small.Change(RoomConfig{RetainBytes: 300_000}); err != nil { // has it looked at, at once
			t.Fatal(err)
		}
		last, err := reader.Last(t.Context(), "large")
		if err != nil {
			t.Fatal(err)
		}
		n, bytes := part("small")
		return n > 0 && bytes <= 330_000 && last == messages
	})
	if n, bytes := part("small"); n < 50 || bytes < 100_000 {
		t.Errorf("the small room has %d messages left, of %d bytes", n, bytes)
	}
	if n, _ := part("large"); n != messages {
		t.Errorf("the large room has %d messages left, want %d", n, messages)
	}
}

// PruneToSize removes the oldest messages until the file is small, and makes it so.
func TestPruneToSize(t *testing.T) {
	const limit, messages = 1 << 20, 8000
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	for i := range messages {
		r.add(alice, "alice", fmt.Sprint(i, strings.Repeat(" talk", 60)))
		if i%500 == 499 {
			r.append(noon)
		}
	}
	r.finish()
	if size := sizeOf(t, r.path); size < 2*limit {
		t.Fatalf("the file has %d bytes only", size)
	}
	n, err := PruneToSize(t.Context(), r.path, limit, nil)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if size := sizeOf(t, r.path); size > limit || size < limit/3 {
		t.Errorf("the file has %d bytes, and is to have %d", size, limit)
	}
	left := read(t, r.path, Filter{})
	if int64(len(left)) != messages-n || left[0].Sequence != n+1 {
		t.Errorf("%d are removed, and %d are left, from %d on", n, len(left), left[0].Sequence)
	}
	if n, err := PruneToSize(t.Context(), r.path, limit, nil); n != 0 || err != nil {
		t.Errorf("then %d more are removed, %v", n, err)
	}
	checkFile(t, r.path)
}

// How much is removed at once is what is too much, one message at least.
func TestPortion(t *testing.T) {
	for _, test := range []struct{ messages, bytes, limit, want int64 }{
		{1000, 1_000_000, 900_000, 100},
		{1000, 1_000_000, 999_999, 1},
		{1_000_000, 200_000_000, 100_000_000, pruneBatch},
		{0, 1_000_000, 900_000, 1},
	} {
		if got := portion(test.messages, test.bytes, test.limit); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}
