package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Prune removes old messages, also from the index, and keeps the others; sequences
// go on, and the file gets smaller. It works while an archive writes, too.
func TestPrune(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprint("running ", running), func(t *testing.T) {
			const old, recent = 5*pruneBatch + 7, 10
			r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
			for batch := 0; batch < old; {
				for range min(2000, old-batch) {
					r.add(alice, "alice", fmt.Sprint("ancient ", strings.Repeat("talk ", 40), batch))
					batch++
				}
				r.append(noon)
			}
			for range recent {
				r.say(bob, "bob", "recent talk", noon.Add(time.Hour))
			}
			reader := openReader(t, r.path)
			eventually(t, "all is written", func() bool { return len(collect(t, reader, Filter{})) == old+recent })
			if !running {
				reader.Close()
				r.finish()
			}
			last := int64(0)
			done, err := Prune(t.Context(), r.path, "", noon.Add(time.Minute), func(done, all int64) {
				if done <= last || done > all || all != old {
					t.Errorf("%d of %d after %d", done, all, last)
				}
				last = done
			})
			if done != old || err != nil || last != old {
				t.Fatalf("%d are removed, %v; want %d", done, err, old)
			}
			if running {
				r.say(bob, "bob", "more talk", noon.Add(time.Hour))
				reader.Close()
				r.finish()
			}
			if size := sizeOf(t, r.path); size > old*200/4 {
				t.Errorf("the file has %d bytes, though most of %d is removed", size, old*200)
			}
			checkFile(t, r.path)
			left := read(t, r.path, Filter{})
			if want := recent + map[bool]int{true: 1}[running]; len(left) != want || left[0].Sequence != old+1 {
				t.Errorf("%d are left, from number %d on; want %d", len(left), left[0].Sequence, want)
			}
			hits, err := openReader(t, r.path).Search(t.Context(), "ancient", Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for range hits {
				t.Fatal("what was removed is found")
			}
		})
	}
}

func sizeOf(t testing.TB, path string) int64 {
	t.Helper()
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return about.Size()
}

// Sequences go on after all messages were removed.
func TestPruneAll(t *testing.T) {
	path := written(t, "alice: 1", "alice: 2")
	if n, err := Prune(t.Context(), path, "", time.Now().Add(1000*time.Hour), nil); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	r := newRoom(t, path, Config{Window: time.Millisecond})
	r.say(alice, "alice", "3", noon)
	r.finish()
	if all := read(t, path, Filter{}); len(all) != 1 || all[0].Sequence != 3 {
		t.Errorf("%v", all)
	}
}

// A file with two names is not written to: the newest messages may lie beside the
// other name.
func TestPruneLinked(t *testing.T) {
	path := written(t, "alice: 1")
	other := path + ".link"
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	_, err := Prune(t.Context(), other, "", time.Now().Add(1000*time.Hour), nil)
	expectError(t, "pruning", err, "has another name (a hard link)")
	_, err = Open(other, Config{})
	expectError(t, "writing", err, "has another name (a hard link)")
	if n := len(read(t, path, Filter{})); n != 1 {
		t.Errorf("%d messages are left", n)
	}
}

// What Prune has removed before it is interrupted stays removed.
func TestPruneInterrupted(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	for range 3 * pruneBatch {
		r.add(alice, "alice", "old")
	}
	r.append(noon)
	r.finish()
	ctx, cancel := context.WithCancel(t.Context())
	n, err := Prune(ctx, r.path, "", noon.Add(time.Hour), func(done, all int64) { cancel() })
	if n != pruneBatch || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
	if left := len(read(t, r.path, Filter{})); left != 2*pruneBatch {
		t.Errorf("%d are left", left)
	}
	checkFile(t, r.path)
}
