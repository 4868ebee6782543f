package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sop-chat/internal/testenv"
)

// newCgroup makes a control group with a memory limit, in bytes, and returns the
// file to which processes are added. On most systems only root can do that.
func newCgroup(t testing.TB, limit int) (processes string) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector needs more memory than the group has")
	}
	var why error
	for parent, file := range map[string]string{
		"/sys/fs/cgroup/memory": "memory.limit_in_bytes", // the first version
		"/sys/fs/cgroup":        "memory.max",
	} {
		group := filepath.Join(parent, fmt.Sprintf("sop-chat-e2e-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			why = err
			continue
		}
		t.Cleanup(func() {
			eventually(t, "the control group is removed", func() bool { return os.Remove(group) == nil })
		})
		if why = writeExisting(filepath.Join(group, file), fmt.Sprint(limit)); why == nil {
			return filepath.Join(group, "cgroup.procs")
		}
	}
	testenv.Lacks(t, "leave to make a control group: "+why.Error())
	return ""
}

func writeExisting(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// The backlog fits a control group in which the default one would get the server
// killed, when one client reads nothing and another one floods it.
func TestBacklogFitsControlGroup(t *testing.T) {
	const limit, n = 32 << 20, 100_000 // bytes; messages of 512 bytes
	processes := newCgroup(t, limit)
	srv := setup{
		flags:   []string{"--stall-timeout", "1s"},
		wrapper: []string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, processes},
	}.start(t)
	if !hasLine(srv.stderr.lines(), "backlog", "smaller", "32 MiB") {
		t.Errorf("it is not said that the backlog is smaller than usual:\n%s", srv.stderr)
	}
	silent := joinNotReading(t, srv, "silent")
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	if err := silent.reader("a").readUntilClosed(); err != nil {
		t.Error(err)
	}
	b.expect(a.say("all are alive"))
}

// There is a warning about a backlog that does not fit into the memory.
func TestBacklogBeyondControlGroup(t *testing.T) {
	processes := newCgroup(t, 64<<20)
	srv := setup{
		flags:   []string{"--backlog", "48MiB"},
		wrapper: []string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, processes},
	}.start(t)
	if said := srv.stderr.problems(); len(said) != 1 || !hasLine(said, "level=WARN", "backlog", "48 MiB", "64 MiB") {
		t.Errorf("the server says:\n%s", srv.stderr)
	}
}
