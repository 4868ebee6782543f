//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sop-chat/internal/history"
)

// Whatever happens to the file of a running server, the server reports it, the
// messages from before and after are in a file with a name, and nothing is
// malformed.
func TestHistoryMoved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what, do string   // in the folder of chat.db
		says     string   // what the server says of it
		before   []string // where what was said before is, the first that is there
	}{
		{"moved", `mv chat.db old.db`, "was moved while it is open", []string{"old.db"}},
		{"moved with all", `mkdir x; mv chat.db* x`, "was moved while it is open", []string{"x/chat.db"}},
		{"removed", `rm chat.db`, "was removed while it is open", []string{"chat.db"}},
		{"removed with all", `rm chat.db*`, "was removed while it is open", []string{"chat.db"}},
		{"replaced by nothing", `mv chat.db old.db; : >chat.db`, "was moved", []string{"old.db"}},
		{"replaced by a copy", `cp chat.db new; mv new chat.db`, "was removed while it is open", []string{"chat.db"}},
		{"link changed", `mv chat.db real.db; ln -s real.db chat.db; ln -sf other.db chat.db`, "was moved", []string{"real.db"}},
		{"in the way", `mv chat.db old.db; mkdir chat.db`, "is a directory", []string{"old.db"}},
		{"without -wal", `rm chat.db-wal`, "chat.db-wal", []string{"chat.db"}},
		{"without -shm", `rm chat.db-shm`, "chat.db-shm", []string{"chat.db"}},
		{"folder renamed", `mv ../data ../old`, "was moved while it is open", []string{"../old/chat.db"}},
		{"folder replaced", `mv ../data ../old; mkdir ../data`, "was moved while it is open", []string{"../old/chat.db"}},
	} {
		for _, waitForNotice := range []bool{true, false} {
			name := test.what + map[bool]string{false: ", and ended at once"}[waitForNotice]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				folder := filepath.Join(t.TempDir(), "data")
				if err := os.Mkdir(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(folder, "chat.db")
				srv := start(t, "--history", path, "--history-sync", "1ms")
				a, b := join(t, srv, "alice"), join(t, srv, "bob")
				b.expect(a.say("before"))
				eventually(t, "it is kept", func() bool { return lastOf(t, path) == 1 })
				if got := run(t, nil, "sh", "-c", `cd "$1" && `+test.do, "sh", folder); got.status != 0 {
					t.Fatal(got.stderr)
				}
				if waitForNotice {
					srv.stderr.waitForLine(t, "level=ERROR", test.says)
				}
				b.expect(a.say("after"))
				srv.signal(syscall.SIGINT)
				srv.expectEnd(0)
				srv.stderr.waitForLine(t, "level=ERROR", test.says)
				expectSaid(t, filepath.Join(folder, test.before[0]), "before")
				everywhere := filepath.Dir(folder)
				found := false
				filepath.WalkDir(everywhere, func(path string, entry os.DirEntry, err error) error {
					if err == nil && entry.Type().IsRegular() && strings.HasSuffix(path, ".db") {
						checkHistory(t, path)
						for _, m := range readHistory(t, path, 0) {
							found = found || string(m.Wire.Text()) == "after"
						}
					}
					return nil
				})
				if !found {
					t.Errorf("what was said after that is not kept; the server says %q", srv.stderr.lines())
				}
			})
		}
	}
}

// If messages are in a file that has no name, the server reports how many, and
// ends with an error.
func TestHistoryRemovedForGood(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "chat.db")
	srv := start(t, "--history", path, "--history-sync", "1ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("before"))
	eventually(t, "it is kept", func() bool { return lastOf(t, path) == 1 })
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	b.expect(a.say("after"))
	srv.stderr.waitForLine(t, "level=ERROR", "was removed while it is open")
	srv.signal(syscall.SIGINT)
	srv.expectEnd(1)
	srv.stderr.waitForLine(t, "sop-chat: the history", "was removed while it was open, and with it 2 messages")
}

// Two servers never write to each other's files, even if the path of the first
// names another file when the second begins.
func TestHistoryOfTwoServers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, moved := filepath.Join(folder, "chat.db"), filepath.Join(folder, "old.db")
	first := start(t, "--history", path, "--history-sync", "1ms")
	a, b := join(t, first, "alice"), join(t, first, "bob")
	b.expect(a.say("before"))
	eventually(t, "it is kept", func() bool { return lastOf(t, path) == 1 })
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	second := run(t, nil, binary, "--history", path, strconv.Itoa(freePort(t)), key)
	if second.status != 1 || !strings.Contains(second.stderr, "newest messages") && !strings.Contains(second.stderr, "still open in another program") {
		t.Errorf("status %d, %s", second.status, second.stderr)
	}
	first.stderr.waitForLine(t, "level=ERROR", "goes on in a new one at its path")
	b.expect(a.say("after"))
	first.signal(syscall.SIGINT)
	first.expectEnd(0)
	expectSaid(t, moved, "before")
	expectSaid(t, path, "after")
}

func expectSaid(t testing.TB, path, text string) {
	t.Helper()
	r, err := history.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for m := range r.Messages(t.Context(), history.Filter{}) {
		if string(m.Wire.Text()) == text {
			return
		}
	}
	t.Errorf("%q is not in %s", text, path)
}
