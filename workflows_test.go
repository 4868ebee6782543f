package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Workflows use actions by the hash of a commit, since a tag can be moved, and say the
// version beside it.
func TestActionsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	files, err := filepath.Glob(".github/workflows/*.y*ml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			action, uses := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "- "), "uses:")
			if !uses {
				continue
			}
			found++
			if action = strings.TrimSpace(action); !pinned.MatchString(action) && !strings.HasPrefix(action, "./") {
				t.Errorf("%s uses %s; name the commit, and behind it the version, such as actions/checkout@3d3c… # v7.0.1", file, action)
			}
		}
	}
	if found == 0 {
		t.Error("no action is found; the test looks for the wrong thing")
	}
}
