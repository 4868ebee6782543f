package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/testenv"
)

// By whatever name a history is read, and in whatever state the server left it,
// all messages are shown, or there is an error with a reason. Nothing is changed
// in the file or beside it.
func TestHistoryPlaces(t *testing.T) {
	t.Parallel()
	for _, state := range []struct {
		what string
		end  func(*server)
	}{
		{"running", func(*server) {}},
		{"killed", (*server).kill},
		{"ended", func(s *server) { s.signal(syscall.SIGTERM); s.expectEnd(0) }},
	} {
		t.Run(state.what, func(t *testing.T) {
			t.Parallel()
			path := historyFile(t)
			srv := start(t, "--history", path, "--history-sync", "1ms")
			a, b := join(t, srv, "alice"), join(t, srv, "bob")
			for _, text := range []string{"first", "second"} {
				b.expect(a.say(text))
			}
			eventually(t, "both are kept", func() bool { return lastOf(t, path) == 2 })
			a.Close()
			b.Close()
			state.end(srv)
			for _, place := range historyPlaces {
				t.Run(place.what, func(t *testing.T) { place.check(t, path, state.what) })
			}
		})
	}
}

// A historyPlace is a way to a history.
type historyPlace struct {
	what    string
	refused map[string]string // what is said, for each state in which it is
	command func(t *testing.T, path string) *exec.Cmd
}

var historyPlaces = []historyPlace{
	{"its name", nil, func(_ *testing.T, path string) *exec.Cmd { return listing(path) }},
	{"a symbolic link", nil, func(t *testing.T, path string) *exec.Cmd {
		link := filepath.Join(t.TempDir(), "link")
		made(t, os.Symlink(path, link))
		return listing(link)
	}},
	{"a hard link beside it", nil, func(t *testing.T, path string) *exec.Cmd {
		made(t, os.Link(path, path+"2"))
		t.Cleanup(func() { os.Remove(path + "2") })
		return listing(path + "2")
	}},
	{
		"a hard link elsewhere",
		map[string]string{"running": "is in use", "killed": "has another name"},
		func(t *testing.T, path string) *exec.Cmd {
			link := filepath.Join(t.TempDir(), "link")
			made(t, os.Link(path, link))
			t.Cleanup(func() { os.Remove(link) })
			return listing(link)
		},
	},
	{
		"mounted alone",
		map[string]string{"running": "is in use", "killed": "is mounted without its folder"},
		func(t *testing.T, path string) *exec.Cmd {
			target := filepath.Join(t.TempDir(), "alone")
			made(t, os.WriteFile(target, nil, 0o600))
			return mounted(t, path, target, target)
		},
	},
	{"its folder mounted read-only", nil, func(t *testing.T, path string) *exec.Cmd {
		target := t.TempDir()
		return mounted(t, filepath.Dir(path), target, filepath.Join(target, filepath.Base(path)))
	}},
	{"a user that may read it", nil, func(t *testing.T, path string) *exec.Cmd { return listedByNobody(t, path, 0o644) }},
	{
		"a user that may not read it",
		map[string]string{"running": "this user may not read", "killed": "this user may not read", "ended": "this user may not read"},
		func(t *testing.T, path string) *exec.Cmd { return listedByNobody(t, path, 0o600) },
	},
}

func (p historyPlace) check(t *testing.T, path, state string) {
	if state == "running" { // what the server does when nobody speaks is not the command's doing
		eventually(t, "the history is in the file itself", func() bool {
			wal, err := os.Stat(path + "-wal")
			return err == nil && wal.Size() == 0
		})
	}
	cmd := p.command(t, path)
	before := contents(t, filepath.Dir(path))
	got := runCommand(t, nil, cmd)
	if refused := p.refused[state]; refused != "" {
		if got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, refused) {
			t.Errorf("status %d, want 1 with %q:\n%s%s", got.status, refused, got.stdout, got.stderr)
		}
	} else if got.status != 0 || got.stderr != "" || !hasLine(wholeLines(got.stdout), "alice: first") ||
		!hasLine(wholeLines(got.stdout), "alice: second") {
		t.Errorf("status %d:\n%s%s", got.status, got.stdout, got.stderr)
	}
	if after := contents(t, filepath.Dir(path)); after != before {
		t.Errorf("the folder was:\n%s\nand is now:\n%s", before, after)
	}
}

func made(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listing(path string) *exec.Cmd { return exec.Command(binary, "history", "list", path) }

// mounted lists a history where only it sees that something is mounted, read-only.
func mounted(t *testing.T, what, target, path string) *exec.Cmd {
	t.Helper()
	const mount = `mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"`
	if err := exec.Command("unshare", "-m", "sh", "-c", mount, "sh", what, target).Run(); err != nil {
		testenv.Lacks(t, "leave to mount something")
	}
	return exec.Command("unshare", "-m", "sh", "-c", mount+` && exec "$0" history list "$3"`, binary, what, target, path)
}

// listedByNobody lists a history of this user as another user.
func listedByNobody(t *testing.T, path string, mode os.FileMode) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		testenv.Lacks(t, "leave to become another user")
	}
	const nobody = 65534
	folder := filepath.Dir(path)
	made(t, os.Chmod(folder, 0o755))
	made(t, os.Chmod(filepath.Dir(folder), 0o755))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, mode); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	cmd := listing(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// contents describes the files in a folder and their contents.
func contents(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	made(t, err)
	var all strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		made(t, err)
		info, err := entry.Info()
		made(t, err)
		fmt.Fprintf(&all, "%s %v %d bytes %x\n", entry.Name(), info.Mode(), len(content), sha256.Sum256(content))
	}
	return all.String()
}

// A reader that follows a history shows messages across a restart, whether or not
// a server was running at the beginning.
func TestHistoryFollowRestart(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	say := func(text string, end func(*server)) {
		srv := start(t, "--history", path, "--history-sync", "0")
		a, b := join(t, srv, "alice"), join(t, srv, "bob")
		b.expect(a.say(text))
		end(srv)
	}
	stop := func(s *server) {
		s.signal(syscall.SIGTERM)
		s.expectEnd(0)
		for _, suffix := range []string{"-wal", "-shm", "-journal"} {
			if _, err := os.Lstat(path + suffix); !os.IsNotExist(err) {
				t.Errorf("%s stays when the server has ended: %v", suffix, err)
			}
		}
	}
	say("first", stop)
	follower, shown := follow(t, path)
	shown.waitForLine(t, "alice: first")
	say("second", func(s *server) { shown.waitForLine(t, "alice: second"); s.kill() })
	say("third", stop)
	shown.waitForLine(t, "alice: third")
	made(t, follower.Process.Signal(syscall.SIGTERM))
	if err := follower.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, shown)
	}
	if n := len(shown.lines()); n != 3 {
		t.Errorf("%d lines are shown:\n%s", n, shown)
	}
	checkHistory(t, path)
}

// A reader that follows a history that is moved shows all messages from before
// the server notices, and then those in the new file.
func TestHistoryFollowMoved(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "0")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("first"))
	_, shown := follow(t, path)
	shown.waitForLine(t, "alice: first")
	made(t, os.Rename(path, path+".old"))
	var texts []string
	eventually(t, "the server notices", func() bool {
		texts = append(texts, fmt.Sprint("meanwhile ", len(texts), "."))
		b.expect(a.say(texts[len(texts)-1]))
		return hasLine(srv.stderr.lines(), "was moved while it is open")
	})
	b.expect(a.say("last"))
	shown.waitForLine(t, "alice: last")
	for _, text := range texts {
		shown.waitForLine(t, "alice: "+text)
	}
	if n := len(shown.lines()); n != len(texts)+2 {
		t.Errorf("%d lines are shown, not %d:\n%s", n, len(texts)+2, shown)
	}
}

// A follower notices that nobody reads its output, even if no message comes.
func TestHistoryFollowIntoHead(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "0")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("first"))
	got := run(t, nil, "sh", "-c", `"$0" history list "$1" --follow | head -1`, binary, path)
	if got.status != 0 || got.stderr != "" || !hasLine(wholeLines(got.stdout), "alice: first") {
		t.Errorf("status %d:\n%s%s", got.status, got.stdout, got.stderr)
	}
}

// follow shows a history and new messages until the test's end.
func follow(t *testing.T, path string) (*exec.Cmd, *output) {
	t.Helper()
	cmd, shown := exec.Command(binary, "history", "list", path, "--follow"), new(output)
	cmd.Stdout, cmd.Stderr, cmd.Env = shown, shown, environment()
	cmd.WaitDelay = time.Second
	made(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, shown
}
