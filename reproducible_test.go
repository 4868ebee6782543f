package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A release of a commit has the same bytes wherever it is built, and says of which
// commit it is.
func TestReproducible(t *testing.T) {
	t.Parallel()
	var built [2][]byte
	for i := range built {
		folder := copyCheckout(t)
		commit := commitAll(t, folder)
		run(t, folder, "make", "release", "VERSION=1.2.3")
		program := filepath.Join(folder, "sop-chat")
		var err error
		if built[i], err = os.ReadFile(program); err != nil {
			t.Fatal(err)
		}
		if got, want := run(t, folder, program, "--version"), "sop-chat 1.2.3 ("+commit[:12]+", 2026-01-02)\n"; !strings.HasPrefix(got, want) {
			t.Errorf("it says %s, want %s", got, want)
		}
		if bytes.Contains(built[i], []byte(folder)) {
			t.Errorf("it names the folder %s", folder)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Errorf("two builds of the same commit differ; they have %d and %d bytes", len(built[0]), len(built[1]))
	}
}

// commitAll makes a repository of a folder, with the same commit for the same files,
// and returns its hash.
func commitAll(t *testing.T, folder string) string {
	t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "All"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	return strings.TrimSpace(run(t, folder, "git", "rev-parse", "HEAD"))
}
