package history

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A backup is a whole history with the same messages, epochs and words, alone in its folder,
// and for nobody else to read.
func TestBackup(t *testing.T) {
	for what, path := range map[string]string{
		"one room":      written(t, "alice: one", "bob: two", "alice: three"),
		"several rooms": roomsWritten(t),
		"older form":    func() string { path := newFile(t); oldFile(t, path, 2, "one", "two"); return path }(),
		"left behind":   leftBehindFile(t),
	} {
		t.Run(what, func(t *testing.T) {
			before := contentOf(t, path)
			to := filepath.Join(t.TempDir(), "copy.db")
			var last int64
			if err := Backup(t.Context(), path, to, func(done, all int64) { last = done }); err != nil {
				t.Fatal(err)
			}
			if about, err := os.Stat(to); err != nil || about.Size() < last {
				t.Errorf("the copy: %v, after %d bytes", err, last)
			} else if runtime.GOOS != "windows" && about.Mode().Perm() != 0o600 {
				t.Errorf("the copy has the mode %v", about.Mode())
			}
			file, err := os.Open(to)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if isWAL(file) {
				t.Error("the copy is not sealed")
			}
			if beside, err := os.ReadDir(filepath.Dir(to)); err != nil || len(beside) != 1 {
				t.Errorf("beside the copy: %v, %v", beside, err)
			}
			if after := contentOf(t, path); !reflect.DeepEqual(after, before) {
				t.Errorf("the file has changed from\n%v\nto\n%v", before, after)
			}
			if got := contentOf(t, to); !reflect.DeepEqual(got, before) {
				t.Errorf("the copy has\n%v\nwant\n%v", got, before)
			}
			if what != "older form" {
				checkFile(t, to)
			}
			c, err := Check(t.Context(), to)
			if err != nil || len(c.Faults) > 0 {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// roomsWritten returns a file with two rooms.
func roomsWritten(t *testing.T) string {
	t.Helper()
	path := newFile(t)
	b := newBuilding(t, path, Config{Window: time.Millisecond})
	b.open("a", RoomConfig{})
	b.open("b", RoomConfig{})
	b.say("a", noon, "one", "two")
	b.say("b", noon, "three")
	b.say("a", noon, "four")
	b.finish()
	return path
}

// leftBehindFile returns a copy of a file of a server that was killed, with its -wal.
func leftBehindFile(t *testing.T) string {
	t.Helper()
	from := newFile(t)
	a, err := openRoom(from, Config{}, RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.write(said("one", "two")); err != nil {
		t.Fatal(err)
	}
	to := newFile(t)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, to+suffix, string(content))
	}
	if err := a.Archive.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

// contentOf returns all rows of a file.
func contentOf(t testing.TB, path string) (rows []string) {
	t.Helper()
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tables := []string{"message", "epoch"}
	if r.file.form >= roomsForm {
		tables = append(tables, "room", "room_epoch", "unindexed")
	}
	for _, table := range tables {
		found, err := r.file.conn.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2")
		if err != nil {
			t.Fatal(err)
		}
		columns, err := found.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for found.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := found.Scan(values...); err != nil {
				t.Fatal(err)
			}
			row := table
			for _, v := range values {
				row += fmt.Sprintf(" %v", *v.(*any))
			}
			rows = append(rows, row)
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
	}
	last, err := r.Last(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return append(rows, fmt.Sprint("last ", last, " form ", r.file.form))
}

// A backup overwrites nothing, and leaves nothing behind if there is none.
func TestBackupRefuses(t *testing.T) {
	path := written(t, "alice: one")
	folder := t.TempDir()
	there := filepath.Join(folder, "there.db")
	writeFile(t, there, "something")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		what, from, to, want string
		ctx                  context.Context
	}{
		{"over a file", path, there, "overwrites nothing", t.Context()},
		{"over itself", path, path, "overwrites nothing", t.Context()},
		{"of no file", filepath.Join(folder, "none"), filepath.Join(folder, "copy.db"), "there is no file", t.Context()},
		{"of another file", there, filepath.Join(folder, "copy.db"), "is not a history", t.Context()},
		{"to no folder", path, filepath.Join(folder, "none", "copy.db"), "the backup can't be written", t.Context()},
		{"interrupted", path, filepath.Join(folder, "copy.db"), "context canceled", ctx},
	} {
		expectError(t, test.what, Backup(test.ctx, test.from, test.to, nil), test.want)
	}
	if err := renameToNew(path, there); err == nil || !strings.Contains(err.Error(), "overwrites nothing") {
		t.Errorf("a file that appears meanwhile is overwritten: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
	if content, err := os.ReadFile(there); err != nil || string(content) != "something" {
		t.Errorf("the other file has %q, %v", content, err)
	}
}

// A server goes on from a backup. What clients have from after it they are not taken to have.
func TestRestore(t *testing.T) {
	path, to := newFile(t), filepath.Join(t.TempDir(), "copy.db")
	a, _ := openArchive(t, path)
	write(t, a, 3)
	epoch := a.Room.Epochs().Current()
	if err := a.Archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), path, to, nil); err != nil {
		t.Fatal(err)
	}
	later := serveOnce(t, path, 2) // which clients have seen

	a, _ = openArchive(t, to)
	defer a.Archive.Close()
	if a.Next() != 4 {
		t.Errorf("%d is next, want 4", a.Next())
	}
	epochs := a.Room.Epochs()
	for _, test := range []struct{ epoch, number, want uint64 }{
		{epoch, 2, 2}, {epoch, 3, 3}, {epoch, 9, 3}, {later, 5, 0}, {epochs.Current(), 4, 4},
	} {
		if got := epochs.Known(test.epoch, test.number); got != test.want {
			t.Errorf("up to %d in epoch %x: %d is known, want %d", test.number, test.epoch, got, test.want)
		}
	}
}

// A check finds nothing wrong with a file that was pruned, and says what is not there.
func TestCheck(t *testing.T) {
	path := roomsWritten(t)
	execute(t, path, "DELETE FROM message WHERE room = 'a' AND number = 2")
	c, err := Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	want := []RoomCheckup{
		{Name: "a", Messages: 2, First: 1, Last: 3, Gaps: []Gap{{2, 2}}, Missing: 1},
		{Name: "b", Messages: 1, First: 1, Last: 1},
	}
	if len(c.Faults) > 0 || !reflect.DeepEqual(c.Rooms, want) || c.Form != c.Latest {
		t.Errorf("got %+v, want the rooms %+v", c, want)
	}
	execute(t, path, "DELETE FROM message WHERE room = 'a'")
	if c, err = Check(t.Context(), path); err != nil || len(c.Faults) > 0 || !reflect.DeepEqual(c.Rooms[0], RoomCheckup{Name: "a"}) {
		t.Errorf("without messages: %+v, %v", c, err)
	}

	old := newFile(t)
	oldFile(t, old, 1, "one", "two")
	if c, err := Check(t.Context(), old); err != nil || len(c.Faults) > 0 || len(c.Rooms) != 1 || c.Rooms[0].Messages != 2 || c.Form != 1 {
		t.Errorf("an older file: %+v, %v", c, err)
	}
}

// A check finds what does not fit.
func TestCheckFindsFaults(t *testing.T) {
	for _, test := range []struct{ statement, want string }{
		{"UPDATE room SET last = 2 WHERE name = 'a'; UPDATE sqlite_sequence SET seq = 2 WHERE name = 'message'", "sequences were given out up to 2"},
		{"UPDATE message SET others = 9 WHERE sequence = 1", "1 message has a number before 1"},
		{"UPDATE message SET room = 'c' WHERE sequence = 3", "1 message is of rooms that the file does not know"},
		{"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'message_time'", "index message_time"},
	} {
		path := roomsWritten(t)
		execute(t, path, test.statement)
		c, err := Check(t.Context(), path)
		if err != nil {
			t.Errorf("%s: %v", test.statement, err)
		} else if !slices.ContainsFunc(c.Faults, func(fault string) bool { return strings.Contains(fault, test.want) }) {
			t.Errorf("%s: found %q, want something with %q", test.statement, c.Faults, test.want)
		}
	}
	path := written(t, "alice: one", "bob: two")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 3; i < len(content); i++ {
		content[i] = 0xa5
	}
	writeFile(t, path, string(content))
	if c, err := Check(t.Context(), path); err == nil && len(c.Faults) == 0 {
		t.Errorf("a damaged file is taken for whole: %+v", c)
	}
}
