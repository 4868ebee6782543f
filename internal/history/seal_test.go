package history

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that was closed in order can be read wherever it is, also after Prune.
// If others have it open, all messages are at least in the file itself.
func TestSealed(t *testing.T) {
	path := written(t, "alice: first", "alice: second")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	expectRead := func(n int) {
		t.Helper()
		r, err := OpenForeign(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := len(collect(t, r, Filter{})); got != n {
			t.Errorf("%d messages, want %d", got, n)
		}
	}
	expectRead(2)
	os.Remove(link)
	if _, err := Prune(t.Context(), path, "", noon.Add(time.Second), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	expectRead(1)
	os.Remove(link)

	s, last, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	extend(t, s, last, last+1)
	other := openReader(t, path)
	s.seal()
	if about, err := os.Stat(path + "-wal"); err != nil || about.Size() > 0 {
		t.Errorf("a -wal of %d bytes is left to others, %v", about.Size(), err)
	}
	other.Close()
	s.seal()
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a -wal is left: %v", err)
	}
	s.close()
	if got := len(read(t, path, Filter{})); got != 2 {
		t.Errorf("%d messages, want 2", got)
	}
}

// A file that was moved is not sealed: the companion files at its path may be
// another's.
func TestMovedIsNotSealed(t *testing.T) {
	path := newFile(t)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	extend(t, s, 0, 1)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	other, _, err := openStore(filepath.Join(t.TempDir(), "other.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := os.Link(other.path, path); err != nil {
		t.Fatal(err)
	}
	s.seal()
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the -wal is gone: %v", err)
	}
}
