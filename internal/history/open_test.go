package history

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file that is not a history is refused and not changed.
func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		what        string
		make        func(t *testing.T, path string)
		write, read string // the error of an attempt to write or read
	}{
		{
			"a text", func(t *testing.T, path string) { writeFile(t, path, strings.Repeat("hello ", 1000)) },
			"is not a history of this program: it is not an SQLite database",
			"is not a history of this program: it is not an SQLite database",
		},
		{
			"another program's database", func(t *testing.T, path string) { execute(t, path, "CREATE TABLE a (b)") },
			"is not a history of this program: it is an SQLite database of another program",
			"is not a history of this program: it is an SQLite database of another program",
		},
		{
			"a newer form", func(t *testing.T, path string) {
				newRoom(t, path, Config{}).finish()
				execute(t, path, "PRAGMA user_version = 7")
			},
			"was written by a newer version of sop-chat (its form is 7, and this version knows 4)",
			"was written by a newer version of sop-chat (its form is 7, and this version knows 4)",
		},
		{"an empty file", func(t *testing.T, path string) { writeFile(t, path, "") }, "", "is not a history of this program: it is empty"},
		{"nothing", func(t *testing.T, path string) {}, "", "there is no file"},
		{
			"a folder", func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}, "is a directory", "is not a file",
		},
	} {
		t.Run(test.what, func(t *testing.T) {
			path := newFile(t)
			test.make(t, path)
			before, _ := os.ReadFile(path)
			r, err := OpenForeign(t.Context(), path)
			expectError(t, "reading", err, test.read)
			if err == nil {
				r.Close()
			}
			_, err = Prune(t.Context(), path, "", time.Now(), nil)
			expectError(t, "pruning", err, test.read)
			if test.write != "" {
				if after, _ := os.ReadFile(path); string(after) != string(before) {
					t.Error("the file has changed")
				}
			}
			a, err := Open(path, Config{})
			expectError(t, "writing", err, test.write)
			if err == nil {
				a.Close()
			}
			if after, _ := os.ReadFile(path); test.write != "" && string(after) != string(before) {
				t.Error("the file has changed")
			}
		})
	}
}

func expectError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// execute changes a file as another program would.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// The permissions of a file are not changed. A warning says that others can read
// it.
func TestReadableByOthers(t *testing.T) {
	for mode, says := range map[os.FileMode]string{0o600: "", 0o644: "others on this machine can read the history; chmod 600", 0o640: "chmod 600"} {
		path := newFile(t)
		newRoom(t, path, Config{}).finish()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		r := newRoom(t, path, Config{})
		r.finish()
		about, err := os.Stat(path)
		if err != nil || about.Mode() != mode {
			t.Errorf("%v has become %v, %v", mode, about.Mode(), err)
		}
		if said := r.journal.String(); !strings.Contains(said, says) || (said == "") != (says == "") {
			t.Errorf("%v: said is %q, want %q", mode, said, says)
		}
	}
}

// A file has at most one archive at a time.
func TestOneArchive(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	_, err := Open(r.path, Config{})
	expectError(t, "a second archive", err, "another running server writes to it")
	r.say(alice, "alice", "hello", noon) // the first is not disturbed
	r.finish()
	a, err := Open(r.path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}

// A file's name may be anything.
func TestStrangeNames(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory", "a#b%20c", ":memory:", "ü", "-x"} {
		path := filepath.Join(t.TempDir(), name)
		r := newRoom(t, path, Config{Window: time.Millisecond})
		r.say(alice, "alice", "hello", noon)
		r.finish()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if n := len(read(t, path, Filter{})); n != 1 {
			t.Errorf("%q: %d messages", name, n)
		}
	}
}

// Nothing is left beside a file that nobody has open, and it can be read in a
// folder that is not writable.
func TestReadOnlyFolder(t *testing.T) {
	path := written(t, "alice: hello")
	folder := filepath.Dir(path)
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(folder, 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(collect(t, r, Filter{})); n != 1 {
		t.Errorf("%d messages", n)
	}
	r.Close()
	if beside, err := os.ReadDir(folder); err != nil || len(beside) != 1 {
		t.Errorf("beside the file are %v, %v", beside, err)
	}
}

// Each migration runs once, in a transaction of its own. One that fails leaves the
// file unchanged.
func TestMigrate(t *testing.T) {
	ctx := context.Background()
	f, err := open(ctx, newFile(t), url.Values{"mode": {"rwc"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	steps := []string{"CREATE TABLE a (b)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"}
	for n := 1; n <= len(steps); n++ {
		for range 2 {
			if err := migrate(ctx, f.conn, steps[:n]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := migrate(ctx, f.conn, append(steps, "INSERT INTO a VALUES (3); INSERT INTO none VALUES (1)")); err == nil {
		t.Error("a migration that fails is done")
	}
	var rows, version int
	if err := f.conn.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM a), (SELECT user_version FROM pragma_user_version)").Scan(&rows, &version); err != nil {
		t.Fatal(err)
	}
	if rows != 2 || version != 3 {
		t.Errorf("%d rows in form %d, want 2 in form 3", rows, version)
	}
	if err := migrate(ctx, f.conn, steps[:2]); err == nil {
		t.Error("a file in a newer form is taken")
	}
}

// Reading without locks fails if a writer has begun meanwhile. After Refresh it
// works again.
func TestForeignReaderNoticesWriter(t *testing.T) {
	path := written(t, "alice: hello")
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if n := len(collect(t, r, Filter{})); n != 1 {
		t.Errorf("%d messages", n)
	}
	execute(t, path, "UPDATE message SET text = x'00'")
	for _, err = range r.Messages(t.Context(), Filter{}) {
	}
	expectError(t, "reading", err, "a server has begun to write to it while it was read; try again")
	if _, err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range collect(t, r, Filter{}) {
		if text := m.Wire.Text(); len(text) != 0 {
			t.Errorf("%q", text)
		}
	}
}

// A Reader follows its path when another file is put there.
func TestForeignReaderReplaced(t *testing.T) {
	path := written(t, "alice: hello")
	r, err := OpenForeign(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if replaced, err := r.Refresh(t.Context()); replaced || err != nil {
		t.Errorf("%v, %v", replaced, err)
	}
	if err := os.Rename(written(t, "bob: hi", "bob: there"), path); err != nil {
		t.Fatal(err)
	}
	if replaced, err := r.Refresh(t.Context()); !replaced || err != nil {
		t.Errorf("%v, %v", replaced, err)
	}
	if n := len(collect(t, r, Filter{})); n != 2 {
		t.Errorf("%d messages", n)
	}
}
