package history

import (
	"os"
	"path/filepath"
	"testing"
)

// openForeignReader opens a file of others, and reads all that is in it.
func openForeignReader(t *testing.T, path string, messages int) *Reader {
	t.Helper()
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	expectMessages(t, r, messages)
	if err := r.Rest(); err != nil {
		t.Fatal(err)
	}
	return r
}

func refresh(t *testing.T, r *Reader) {
	t.Helper()
	if _, err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func expectMessages(t *testing.T, r *Reader, want int) {
	t.Helper()
	if n := len(collect(t, r, Filter{})); n != want {
		t.Errorf("%d messages, want %d", n, want)
	}
}

// A change shows also where the file has the same size and time as before.
func TestRefreshAtTheSameTime(t *testing.T) {
	path := written(t, "alice: hello", "bob: hi")
	r := openForeignReader(t, path, 2)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, path, "DELETE FROM message WHERE sequence = 1")
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(path); err != nil || now.Size() != before.Size() {
		t.Fatalf("the file has %d bytes, before %d, %v", now.Size(), before.Size(), err)
	}
	refresh(t, r)
	expectMessages(t, r, 1)
}

// A server that is killed, begins again and is killed again may leave its messages in
// the -wal alone.
func TestRefreshLeftBehind(t *testing.T) {
	running := newFile(t)
	s, _, err := openStore(running)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	left := filepath.Join(t.TempDir(), "left.db")
	leave := func(suffix string) {
		t.Helper()
		content, err := os.ReadFile(running + suffix)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, left+suffix, string(content))
	}
	extend(t, s, 0, 1)
	leave("-wal")
	leave("")
	r := openForeignReader(t, left, 1)
	extend(t, s, 1, 3)
	leave("-wal")
	refresh(t, r)
	expectMessages(t, r, 3)
}
