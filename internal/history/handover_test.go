package history

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// Flush writes what was said, though its window is not over. If that takes too long, it
// returns an error, and what was said is written later.
func TestFlush(t *testing.T) {
	path := newFile(t)
	r := newRoom(t, path, Config{Window: time.Hour})
	from := &broadcast.Sender{ID: 1, Name: "alice"}
	flush := func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return r.archive.Flush(ctx)
	}
	for n := range 3 {
		r.say(from, "alice", "hello", time.Now())
		if err := flush(testTimeout); err != nil {
			t.Fatal(err)
		}
		if kept := read(t, path, Filter{}); len(kept) != n+1 {
			t.Fatalf("%d messages are kept, want %d", len(kept), n+1)
		}
	}
	release := lockFile(t, path)
	r.say(from, "alice", "hello again", time.Now())
	if err := flush(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "could not be written in time") {
		t.Errorf("Flush() = %v, though another program keeps the file locked", err)
	}
	release()
	if err := flush(testTimeout); err != nil {
		t.Error(err)
	}
	if kept := read(t, path, Filter{}); len(kept) != 4 {
		t.Errorf("%d messages are kept, want 4", len(kept))
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil { // so that no new file is possible there
		t.Fatal(err)
	}
	if err := flush(testTimeout); err == nil || !strings.Contains(err.Error(), "not at its path") {
		t.Errorf("Flush() = %v, though the file was moved", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.finish()
	if err := flush(testTimeout); err == nil {
		t.Error("an archive is flushed that has ended")
	}
}

// A failure is over when the file can be written again, also if nothing is said meanwhile.
func TestFlushAfterFailure(t *testing.T) {
	a, err := Open(newFile(t), Config{})
	if err != nil {
		t.Fatal(err)
	}
	a.failed(errors.New("the disk is full"))
	if err := a.Flush(t.Context()); err == nil {
		t.Error("a file is flushed that can't be written")
	}
	over := make(chan error, 1)
	go func() { over <- a.Run(t.Context()) }()
	eventually(t, "the file can be written", func() bool { return a.Err() == nil })
	if err := a.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	a.Finish()
	if err := errors.Join(<-over, a.Close()); err != nil {
		t.Error(err)
	}
}

// A file that is open elsewhere can be gone on in, unless it has to be brought to another
// form, or is none of ours.
func TestCanContinue(t *testing.T) {
	path := newFile(t)
	r := newRoom(t, path, Config{})
	if err := CanContinue(path); err != nil {
		t.Error(err)
	}
	r.finish()
	for _, form := range []string{"3", "1000"} {
		f, err := open(t.Context(), path, url.Values{"mode": {"rw"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.exec("PRAGMA user_version = " + form); err != nil {
			t.Fatal(err)
		}
		f.close()
		if err := CanContinue(path); err == nil || !strings.Contains(err.Error(), form) {
			t.Errorf("form %s: %v", form, err)
		}
	}
	if err := CanContinue(path + "none"); err == nil {
		t.Error("a file that is not there can be gone on in")
	}
}

// A room goes on with the numbers of its log: those that the file lacks count as missing,
// and a file that has more is refused.
func TestContinueNumbers(t *testing.T) {
	path := newFile(t)
	r := newRoom(t, path, Config{})
	from := &broadcast.Sender{ID: 1, Name: "alice"}
	for range 3 {
		r.say(from, "alice", "hello", time.Now())
	}
	if err := r.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	former := r.archive.Former()
	r.finish()
	a, err := Open(path, Config{Former: former})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, test := range []struct {
		next, missing int64
		fails         bool
	}{{4, 0, false}, {10, 6, false}, {3, 0, true}} {
		room, err := a.Room("main", RoomConfig{Kept: 2})
		if err != nil {
			t.Fatal(err)
		}
		log := broadcast.New(backlog, slack)
		log.SetFirst(uint64(test.next))
		err = room.Continue(log)
		if test.fails {
			if err == nil {
				t.Errorf("a room goes on with number %d", test.next)
			}
			continue
		}
		if err != nil || room.missing != test.missing || room.Next() != uint64(test.next) {
			t.Errorf("next is %d, and %d are missing: %v; want %d and %d", room.Next(), room.missing, err, test.next, test.missing)
		}
		if room.Epochs().Current() != former.Epoch {
			t.Error("another epoch has begun")
		}
		a.end(room)
		delete(a.rooms, "main")
	}
}

// A room that was closed before an archive goes on for another keeps its numbers, also those
// that could not be written, and also if the file is exchanged for an older one then.
func TestContinueClosed(t *testing.T) {
	path := newFile(t)
	a := openRooms(t, path, "main", "closed", "unwritten")
	a.checkpoint()
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.writeTo(a.rooms["closed"], said("one", "two")); err != nil {
		t.Fatal(err)
	}
	a.rooms["unwritten"].missing = 5
	former := a.Former()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err = Open(path, Config{Former: former}); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.inspect(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{"main": 1, "closed": 3, "unwritten": 6} {
		r, err := a.Room(name, RoomConfig{Kept: 9})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Next(); got != want || r.Epochs().Current() != former.Epoch {
			t.Errorf("%s goes on with number %d in epoch %x, want %d in %x", name, got, r.Epochs().Current(), want, former.Epoch)
		}
	}
}

// An archive that goes on for another knows the same of clients of former starts, also if the
// file was exchanged for one of another history.
func TestContinueExchanged(t *testing.T) {
	foreign, path := newFile(t), newFile(t)
	a := openRooms(t, foreign, "main")
	if err := a.writeTo(a.rooms["main"], said("not here")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openRooms(t, path, "main")
	if err := a.writeTo(a.rooms["main"], said("one", "two")); err != nil {
		t.Fatal(err)
	}
	before := a.starts.current()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openRooms(t, path, "main")
	for _, step := range []error{os.Rename(path, path+".moved"), os.Rename(foreign, path), a.inspect()} {
		if step != nil {
			t.Fatal(step)
		}
	}
	former := a.Former()
	if former.Epoch == former.FileEpoch {
		t.Fatal("the archive has not gone on in another history")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path, Config{Former: former})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r, err := a.Room("main", RoomConfig{Kept: 9})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Epochs().Known(before, 2); got != 2 || r.Next() != 3 || r.Epochs().Current() != former.Epoch {
		t.Errorf("up to %d is known of a client that has 2, and %d is next, want 2 and 3", got, r.Next())
	}
}
