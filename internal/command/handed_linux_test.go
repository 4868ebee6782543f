package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What one process tells the next is what that reads.
func TestHanded(t *testing.T) {
	for _, h := range []handed{{3, false}, {77, true}} {
		if got, err := parseHanded(h.String()); err != nil || got != h {
			t.Errorf("%v is %v, %v", h, got, err)
		}
	}
	for _, text := range []string{"+", "0", "-3", "3 ", "yes", "3++"} {
		if got, err := parseHanded(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

// Options that take a restart are told with what they are and were.
func TestCheckFixed(t *testing.T) {
	before := options(t, process([]string{"9000", "key", "--history", "a.db"}))
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"9000", "another key", "--history", "a.db", "--max-clients", "7"}, ""},
		{[]string{"9001", "key", "--history", "a.db"}, `PORT is "9001" now, and was "9000"`},
		{[]string{"9000", "key"}, `--history is "" now, and was "a.db"`},
		{[]string{"9000", "key", "--history", "a.db", "--bind", "127.0.0.1"}, `--bind is "127.0.0.1" now, and was "::"`},
	} {
		now := options(t, process(test.args))
		err := now.checkFixed(before.fixed())
		if (test.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: %v, want %q", test.args, err, test.says)
		}
	}
}

// A program is found by the name that it was called by, and otherwise by what the system
// says.
func TestPathOf(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(executable, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(link))
	for name, want := range map[string]string{
		link: link, "linked": link, "-sh": executable, "/bin/sh": executable, "": executable,
	} {
		if got := pathOf(name); got != want {
			t.Errorf("%q is at %s, want %s", name, got, want)
		}
	}
	t.Chdir(filepath.Dir(link))
	if got := pathOf("./linked"); got != link {
		t.Errorf("a relative path is %s, want %s", got, link)
	}
}
