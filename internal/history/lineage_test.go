package history

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// openArchive opens a history, and closes it when the test ends.
func openArchive(t *testing.T, path string) (*opened, *journal) {
	t.Helper()
	said := new(journal)
	a, err := openRoom(path, Config{Logger: slog.New(slog.NewTextHandler(said, nil))}, RoomConfig{Kept: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() }) // a second time is an error that does not matter
	return a, said
}

// write writes messages, each in a transaction.
func write(t *testing.T, a *opened, messages int) {
	t.Helper()
	for range messages {
		if err := a.write([]broadcast.Entry{{From: alice, Time: noon}}); err != nil {
			t.Fatal(err)
		}
		a.checkpoint()
	}
}

// serveOnce runs a server for some messages, and returns its epoch.
func serveOnce(t *testing.T, path string, messages int) uint64 {
	t.Helper()
	a, _ := openArchive(t, path)
	write(t, a, messages)
	a.store.seal()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return a.Epochs().Current()
}

// foreign makes the history of another room, and returns its epoch. SQLite has
// counted few changes in it, so it is noticed when it overwrites another.
func foreign(t *testing.T, path string, messages int64) uint64 {
	t.Helper()
	epoch := serveOnce(t, path, 0)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]Message, messages)
	for i := range all {
		all[i] = Message{Sequence: int64(i) + 1, Time: noon, Room: "main", From: *bob}
	}
	addAll(t, s, all)
	defer s.close()
	if _, err := s.file.exec("VACUUM INTO ?", path+".few"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".few", path); err != nil {
		t.Fatal(err)
	}
	return epoch
}

// sequences returns the sequences of a file's messages, as ranges.
func sequences(t *testing.T, path string) string {
	t.Helper()
	var ranges []string
	first, last := int64(0), int64(0)
	for _, m := range append(read(t, path, Filter{}), Message{}) {
		if m.Sequence == last+1 && last > 0 {
			last++
			continue
		}
		if last > 0 {
			ranges = append(ranges, fmt.Sprint(first, "-", last))
		}
		first, last = m.Sequence, m.Sequence
	}
	return strings.Join(ranges, " ")
}

// A server goes on with its numbers when something happens to its file. The next
// one knows what clients have that came before, unless the messages in the file are
// others.
func TestLineage(t *testing.T) {
	type state struct {
		path, backup, longer, other, branch string
	}
	replace := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
		copyFile(t, from, to)
	}
	move := func(t *testing.T, path string) {
		t.Helper()
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		what      string
		event     func(t *testing.T, s state)
		more      int
		sequences string
		known     [4]uint64 // of the first server, of the second, of the other room and of the other branch
	}{
		{"nothing", func(*testing.T, state) {}, 5, "1-25", [4]uint64{10, 25, 0, 0}},
		{"moved", func(t *testing.T, s state) { move(t, s.path) }, 5, "21-25", [4]uint64{0, 25, 0, 0}},
		{"moved, and ended", func(t *testing.T, s state) { move(t, s.path) }, 0, "", [4]uint64{0, 20, 0, 0}},
		{"removed", func(t *testing.T, s state) { os.Remove(s.path) }, 5, "1-25", [4]uint64{10, 25, 0, 0}},
		{"replaced by a backup", func(t *testing.T, s state) { replace(t, s.backup, s.path) }, 5, "1-25", [4]uint64{10, 25, 0, 0}},
		{"moved, and replaced by a backup", func(t *testing.T, s state) {
			move(t, s.path)
			copyFile(t, s.backup, s.path)
		}, 5, "1-10 21-25", [4]uint64{10, 25, 0, 0}},
		{"replaced by another room", func(t *testing.T, s state) { replace(t, s.other, s.path) }, 5, "1-25", [4]uint64{0, 0, 12, 0}},
		{"replaced by another branch", func(t *testing.T, s state) { replace(t, s.branch, s.path) }, 5, "1-25", [4]uint64{10, 0, 0, 14}},
		{"replaced by what was before the backup was restored", func(t *testing.T, s state) { replace(t, s.longer, s.path) }, 5, "1-25", [4]uint64{14, 0, 0, 0}},
		{"overwritten by a backup", func(t *testing.T, s state) { copyFile(t, s.backup, s.path) }, 5, "1-10 21-25", [4]uint64{10, 25, 0, 0}},
		{"overwritten by a backup, and ended", func(t *testing.T, s state) { copyFile(t, s.backup, s.path) }, 0, "1-10", [4]uint64{10, 20, 0, 0}},
		{"overwritten by another room", func(t *testing.T, s state) { copyFile(t, s.other, s.path) }, 5, "1-12 21-25", [4]uint64{0, 0, 12, 0}},
		{"truncated", func(t *testing.T, s state) { copyFile(t, os.DevNull, s.path) }, 5, "21-25", [4]uint64{0, 25, 0, 0}},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := state{newFile(t), newFile(t), newFile(t), newFile(t), newFile(t)}
			first, _ := openArchive(t, s.longer)
			write(t, first, 10)
			for _, path := range []string{s.path, s.backup, s.branch} {
				copyFile(t, s.longer, path)
			}
			write(t, first, 4)
			first.Close()
			branch := serveOnce(t, s.branch, 4)
			other := foreign(t, s.other, 12)
			a, said := openArchive(t, s.path)
			write(t, a, 10)
			test.event(t, s)
			if err := a.inspect(); err != nil {
				t.Fatal(err, said)
			}
			write(t, a, test.more)
			if got := a.Next(); got != uint64(21+test.more) {
				t.Errorf("the next number is %d, want %d", got, 21+test.more)
			}
			a.store.seal()
			a.Close()

			next, _ := openArchive(t, s.path)
			if got := next.Next(); got != uint64(21+test.more) {
				t.Errorf("the next server's first number is %d, want %d", got, 21+test.more)
			}
			for i, epoch := range []uint64{first.Epochs().Current(), a.Epochs().Current(), other, branch} {
				if got := next.Epochs().Known(epoch, 1000); got != test.known[i] {
					t.Errorf("up to %d is known of epoch %d, want %d", got, i, test.known[i])
				}
			}
			next.Close()
			if got := sequences(t, s.path); got != test.sequences {
				t.Errorf("the file has %q, want %q; said is %s", got, test.sequences, said)
			}
			checkFile(t, s.path)
		})
	}
}

// A file with greater sequences that is put to the path is not changed: the server
// goes on in the open file, or in a new one when the other is moved away.
func TestGreaterSequences(t *testing.T) {
	for _, how := range []string{"moved", "removed", "overwritten"} {
		t.Run(how, func(t *testing.T) {
			path, other := newFile(t), newFile(t)
			foreign(t, other, 500)
			a, said := openArchive(t, path)
			write(t, a, 20)
			switch how {
			case "moved":
				if err := os.Rename(path, path+".old"); err != nil {
					t.Fatal(err)
				}
			case "removed":
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			copyFile(t, other, path)
			err := a.inspect()
			if how == "overwritten" {
				if err == nil || a.write([]broadcast.Entry{{From: alice, Time: noon}}) == nil {
					t.Error("it is written to")
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				write(t, a, 1)
				err = a.inspect() // reports nothing new
			}
			if reported := fmt.Sprint(said, err); strings.Count(reported, "has messages up to sequence 500, more than this room") != 1 {
				t.Errorf("reported is %s", reported)
			}
			before, _ := os.ReadFile(other)
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if err := os.Rename(path, path+".other"); err != nil {
				t.Fatal(err)
			}
			if err := a.inspect(); err != nil {
				t.Fatal(err)
			}
			write(t, a, 1)
			want := map[string]string{"moved": "22-22", "removed": "1-22", "overwritten": "21-21"}[how]
			if got := sequences(t, path); got != want {
				t.Errorf("the new file has %s, want %s", got, want)
			}
			checkFile(t, path)
		})
	}
}

// An epoch that can't be stored when the server starts is stored with its first
// messages. Without any, it is not known to the next server.
func TestEpochStoredLater(t *testing.T) {
	path := newFile(t)
	first := serveOnce(t, path, 10)
	refuse := func() {
		execute(t, path, "CREATE TRIGGER refuse BEFORE INSERT ON epoch BEGIN SELECT raise(ABORT, 'refused'); END")
	}
	refuse()
	silent := serveOnce(t, path, 0)
	a, _ := openArchive(t, path)
	if a.write([]broadcast.Entry{{From: alice, Time: noon}}) == nil {
		t.Error("a message is written without its epoch")
	}
	execute(t, path, "DROP TRIGGER refuse")
	write(t, a, 3)
	a.Close()
	next, _ := openArchive(t, path)
	for _, test := range []struct{ epoch, want uint64 }{{first, 10}, {silent, 0}, {a.Epochs().Current(), 13}, {next.Epochs().Current(), 20}} {
		if got := next.Epochs().Known(test.epoch, 20); got != test.want {
			t.Errorf("up to %d is known of %x, want %d", got, test.epoch, test.want)
		}
	}
}

// Epochs of which no message is left are removed, and the oldest ones if there are
// very many.
func TestEpochsRemoved(t *testing.T) {
	path := newFile(t)
	var epochs []uint64
	for range 4 {
		epochs = append(epochs, serveOnce(t, path, 5))
	}
	stored := func() int {
		s, _, err := openStore(path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		all, err := s.readEpochs()
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for _, test := range []struct {
		left string // the messages
		want [4]uint64
	}{
		{"sequence > 0", [4]uint64{5, 10, 15, 20}},
		{"sequence > 10", [4]uint64{0, 10, 15, 20}}, // a client that has up to 10 has missed nothing
		{"sequence > 11", [4]uint64{0, 0, 15, 20}},
		{"false", [4]uint64{0, 0, 0, 20}},
	} {
		execute(t, path, "DELETE FROM message WHERE NOT ("+test.left+")")
		a, _ := openArchive(t, path)
		for i, epoch := range epochs {
			if got := a.Epochs().Known(epoch, 1000); got != test.want[i] {
				t.Errorf("%s: up to %d is known of epoch %d, want %d", test.left, got, i, test.want[i])
			}
		}
		a.Close()
	}
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]epoch, 2*maxEpochs)
	for i := range many {
		many[i] = epoch{newID(), 21}
	}
	if err := s.file.transact(func() error { return s.putEpochs(many) }); err != nil {
		t.Fatal(err)
	}
	s.close()
	a, _ := openArchive(t, path)
	a.Close()
	if n := stored(); n != maxEpochs {
		t.Errorf("there are %d epochs, want %d", n, maxEpochs)
	}
	if got := a.Epochs().Known(many[len(many)-1].id, 1000); got != 20 {
		t.Errorf("up to %d is known of the last epoch, want 20", got)
	}
}

// A file of form 1, which has no epochs, is read as it is, and brought to the new
// form by a server.
func TestFormOne(t *testing.T) {
	path := newFile(t)
	formOne(t, path, 3)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	expectMessages(t, r, 3)
	found, err := r.Search(t.Context(), "hello", Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range found {
		if err != nil {
			t.Fatal(err)
		}
	}
	if stats, err := r.Stats(t.Context(), Filter{}); err != nil || stats.Messages != 3 {
		t.Errorf("%v, %v", stats, err)
	}
	if last, err := r.Last(t.Context(), ""); err != nil || last != 3 {
		t.Errorf("the last sequence is %d, %v", last, err)
	}
	r.Close()
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("reading has changed the file")
	}
	if n, err := Prune(t.Context(), path, "", noon.Add(time.Second), nil); n != 1 || err != nil {
		t.Errorf("%d are removed, %v", n, err)
	}
	a, _ := openArchive(t, path)
	if got := a.Next(); got != 4 {
		t.Errorf("the next number is %d, want 4", got)
	}
	write(t, a, 1)
	a.Close()
	if got := sequences(t, path); got != "2-4" {
		t.Errorf("the file has %s, want 2-4", got)
	}
	next, _ := openArchive(t, path)
	if got := next.Epochs().Known(a.Epochs().Current(), 9); got != 4 {
		t.Errorf("up to %d is known, want 4", got)
	}
}
