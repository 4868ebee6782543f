package history

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// hideNewest has a file be in use while what belongs to it can't be found, as for a
// moment when a server begins, until what it returns is called.
func hideNewest(t *testing.T, path string) (show func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	setVersions := func(version byte) {
		t.Helper()
		if _, err := f.WriteAt([]byte{version, version}, 18); err != nil {
			t.Fatal(err)
		}
	}
	lock := unix.Flock_t{Type: unix.F_RDLCK, Start: databaseLocks.Start, Len: databaseLocks.Len, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	setVersions(2)
	return func() {
		t.Helper()
		setVersions(1)
		f.Close()
	}
}

// A Reader that could not be refreshed can be later, and misses nothing, also if its
// file was moved.
func TestRefreshAgain(t *testing.T) {
	path := written(t, "alice: hello")
	r := openForeignReader(t, path, 1)
	execute(t, path, "DELETE FROM message")
	refuse := func() {
		t.Helper()
		if _, err := r.Refresh(t.Context()); !IsTransient(err) {
			t.Errorf("%v, which is not transient", err)
		}
	}
	show := hideNewest(t, path)
	refuse()
	refuse()
	show()
	refresh(t, r)
	expectMessages(t, r, 0)
	if err := r.Rest(); err != nil {
		t.Fatal(err)
	}

	execute(t, path, "INSERT INTO message (time, room, name, authenticated_name, address, text) VALUES (1, 'main', x'61', x'61', '', x'61')")
	moved := path + ".moved"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(written(t, "bob: 1", "bob: 2"), path); err != nil {
		t.Fatal(err)
	}
	refresh(t, r) // but reading it fails, so it is not rested
	refresh(t, r)
	expectMessages(t, r, 1)
	if err := r.Rest(); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expectMessages(t, r, 2)
}
