package e2e

import (
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// If only the history's folder is writable, as in a container with a read-only
// root, messages are kept and old ones removed, however many there are.
func TestHistoryOnReadOnlyRoot(t *testing.T) {
	t.Parallel()
	const readOnly = `set -e
		mount --make-rprivate /
		mount --bind "$1" "$1"
		for folder in / /tmp /var/tmp; do
			if mountpoint -q "$folder"; then mount -o remount,bind,ro "$folder"; fi
		done
		cd /; shift
		exec "$@"`
	path := historyFile(t)
	wrapper := []string{"unshare", "--mount", "sh", "-c", readOnly, "sh", filepath.Dir(path)}
	if got := run(t, nil, wrapper[0], append(wrapper[1:], "sh", "-c", "! touch /tmp/x 2>/dev/null")...); got.status != 0 {
		testenv.Lacks(t, "leave to mount something, which takes root and no container that forbids it: "+got.stderr)
	}
	srv := setup{flags: []string{"--history", path, "--history-sync", "10ms", "--retain", "1s"}, wrapper: wrapper}.start(t)
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	// Words that were never said before make the most of an index.
	said := make([]wire.Message, 3000)
	for i := range said {
		said[i] = message("alice", strings.Repeat(rand.Text()+" ", wire.TextSize/27))
	}
	for batch := range slices.Chunk(said, 1000) {
		a.send(batch...)
		b.expect(batch...)
	}
	eventually(t, "they are kept", func() bool { return lastOf(t, path) == int64(len(said)) })
	eventually(t, "they are removed again", func() bool { return len(readHistory(t, path, 0)) == 0 })
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	if said := srv.stderr.problems(); len(said) > 0 {
		t.Errorf("the server says %q", said)
	}
}
