//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sop-chat/internal/testenv"
)

// The server notices when its file is overwritten. It keeps the new content
// intact, adds the messages from then on, and ends with an error.
func TestHistoryOverwritten(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ what, do string }{
		{"truncated", `cp history.db copy.db; : >history.db`},
		{"by an older one", `cat backup.db >history.db`},
		{"by another program's backup", `sqlite3 backup.db ".backup $PWD/again.db" && cat again.db >history.db`},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			path := historyFile(t)
			for _, text := range []string{"first", "second"} {
				srv := start(t, "--history", path, "--history-sync", "1ms")
				a, b := join(t, srv, "alice"), join(t, srv, "bob")
				b.expect(a.say(text))
				srv.signal(syscall.SIGINT)
				srv.expectEnd(0)
				if backup := filepath.Join(filepath.Dir(path), "backup.db"); text == "first" {
					content, err := os.ReadFile(path)
					if err == nil {
						err = os.WriteFile(backup, content, 0o600)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			srv := start(t, "--history", path, "--history-sync", "1ms")
			a, b := join(t, srv, "alice"), join(t, srv, "bob")
			b.expect(a.say("third"))
			eventually(t, "it is kept", func() bool { return lastOf(t, path) == 3 })
			if got := run(t, nil, "sh", "-c", `set -e; cd "$1"; `+test.do, "sh", filepath.Dir(path)); got.status != 0 {
				testenv.Lacks(t, got.stderr)
			}
			srv.stderr.waitForLine(t, "level=ERROR", "overwritten")
			b.expect(a.say("fourth"))
			srv.signal(syscall.SIGINT)
			srv.expectEnd(1)
			checkHistory(t, path)
			expectSaid(t, path, "third")
			expectSaid(t, path, "fourth")
		})
	}
}
