package command

import (
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/history"
)

// hideNewest has a file be in use while what belongs to it can't be found, as for a
// moment when a server begins, until what it returns is called.
func hideNewest(t *testing.T, path string) (show func()) {
	t.Helper()
	const version, lockedFrom = 18, 0x40000000 // see sqlite.org/fileformat.html, and os.h
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	lock := unix.Flock_t{Type: unix.F_RDLCK, Start: lockedFrom, Len: 512, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{2, 2}, version); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := f.WriteAt([]byte{1, 1}, version); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// A file that can't be read for a while is read on then; one that can't be for long is
// an error.
func TestListFollowUnreadable(t *testing.T) {
	path := historyFile(t, "alice: alice: first")
	r, err := history.OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	shown := newScreen()
	f := historyFollower{reader: r, lines: newHistoryLines(shown, false)}
	expect := func(want string) {
		t.Helper()
		if got := shown.String(); got != want {
			t.Errorf("it shows %q, want %q", got, want)
		}
	}
	const first = "2026-11-24 16:02:00 alice: first\n"
	if err := f.check(f.show(t.Context())); err != nil {
		t.Fatal(err)
	}
	expect(first)
	if err := r.Rest(); err != nil {
		t.Fatal(err)
	}

	show := hideNewest(t, path)
	unreadable := f.look(t.Context())
	if err := f.check(unreadable); unreadable == nil || err != nil {
		t.Fatalf("looking gives %v, which ends it with %v", unreadable, err)
	}
	f.unreadable = time.Now().Add(-maxUnreadable)
	if err := f.check(unreadable); err == nil {
		t.Error("it goes on for ever")
	}
	show()
	if err := f.check(f.look(t.Context())); err != nil || !f.unreadable.IsZero() {
		t.Fatalf("%v, and unreadable since %v", err, f.unreadable)
	}
	expect(first)
	if err := r.Rest(); err != nil {
		t.Fatal(err)
	}
	appendMessage(t, path, "second")
	if err := f.check(f.look(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, want := shown.String()[len(first)+len("2026-11-24 16:02:00 "):], "bob: second\n"; got != want {
		t.Errorf("then it shows %q, want %q", got, want)
	}
}
