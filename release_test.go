package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The notes of a release are what the changelog says of it, and one that it does not know
// is an error.
func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	script, err := os.ReadFile("scripts/release-notes")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"scripts/release-notes": string(script),
		"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- More.\n\n## 1.10.0 (2026-12-01)\n\n- Ten.\n\n  And on.\n\n" +
			"## 1.1.0 (2026-11-30)\n\n- One.\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for version, want := range map[string]string{
		"1.10.0":  "- Ten.\n\n  And on.\n",
		"v1.1.0":  "- One.\n",
		"1.1":     `CHANGELOG.md has nothing of version 1.1; rename the section Unreleased to "1.1" and its date` + "\n",
		"":        "say the version, such as 1.2.3\n",
		"1.10.00": `CHANGELOG.md has nothing of version 1.10.00; rename the section Unreleased to "1.10.00" and its date` + "\n",
	} {
		out, err := exec.Command(filepath.Join(folder, "scripts/release-notes"), version).CombinedOutput()
		if fails := !strings.HasPrefix(want, "-"); string(out) != want || (err != nil) != fails {
			t.Errorf("%q: %v, %q, want %q", version, err, out, want)
		}
	}
}

// What a release takes from the source is there.
func TestReleaseFiles(t *testing.T) {
	config, err := os.ReadFile(".goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:src|postinstall|postremove): "?([^",}\s]+)`).FindAllSubmatch(config, -1)
	for _, name := range named {
		file := string(name[1])
		if strings.HasPrefix(file, "release/") { // scripts/release-files makes it
			continue
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("there is no %s", file)
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d files are found; the test looks for the wrong thing", len(named))
	}
}
