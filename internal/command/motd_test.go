package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The message of the day is the text of its file, in messages.
func TestReadMotd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "motd.txt")
	line := strings.Repeat("x", 400)
	for _, test := range []struct {
		content string
		want    []string
	}{
		{"", nil},
		{"\n\n", nil},
		{"welcome\n", []string{"welcome"}},
		{"\ufeffwelcome\r\nto the room\r\n\r\n", []string{"welcome\nto the room"}},
		{line + "\n" + line + "\n", []string{line, line}},
		{strings.Repeat(line+"\n", mostMotd), slices.Repeat([]string{line}, mostMotd)},
	} {
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		o := talkOptions{motdFile: file}
		if got, err := o.readMotd(); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%.20q: got %q, %v; want %q", test.content, got, err, test.want)
		}
	}
}

// What can't be a message of the day is an error that names the file.
func TestReadMotdRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "motd.txt")
	for content, want := range map[string]string{
		"a\x00b":                       "has a zero byte",
		"\xff":                         "is not valid UTF-8",
		strings.Repeat("long ", 800):   "is longer than 8 messages of 447 bytes each",
		strings.Repeat("long ", 1<<16): "is longer than 8 messages of 447 bytes each",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		o := talkOptions{motdFile: file}
		if _, err := o.readMotd(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%.20q: the error is %v, want one with %q and %q", content, err, want, file)
		}
	}
	o := talkOptions{motdFile: filepath.Join(t.TempDir(), "none")}
	if _, err := o.readMotd(); err == nil {
		t.Error("a file that is not there is read")
	}
}

// A name is one that people can read.
func TestShownName(t *testing.T) {
	for _, name := range []string{"server", "*", "Sala żółta", strings.Repeat("n", 64)} {
		if got, err := shownName(name); err != nil || got != name {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", " server", "a\n", "\xff", "\u202ea", strings.Repeat("n", 65)} {
		if _, err := shownName(name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}
