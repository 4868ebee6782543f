//go:build unix

package readfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file is read whole, as often as is asked for, also if it is empty.
func TestRead(t *testing.T) {
	for _, content := range []string{"", "a\n", strings.Repeat("x", 100)} {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, info, err := Read(name, 100)
			if err != nil || string(got) != content || info.Size() != int64(len(content)) {
				t.Errorf("%q is read as %q, %v", content, got, err)
			}
		}
	}
}

// A pipe, such as that of a shell's <(command), is read once. Later it does not pass for an
// empty file.
func TestReadPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		w.WriteString("192.0.2.1\n")
		w.Close()
	}()
	name := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if got, _, err := Read(name, 100); err != nil || string(got) != "192.0.2.1\n" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, _, err := Read(name, 100); !errors.Is(err, errEmptyPipe) {
		t.Errorf("the second time: %q, %v", got, err)
	}
}

// A pipe to which nobody writes keeps nobody waiting.
func TestReadPipeWithoutWriter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := Read(name, 100); !errors.Is(err, errEmptyPipe) {
		t.Errorf("%q, %v", got, err)
	}
}

// What is longer than it may be, or can't be read, is an error with the name.
func TestReadErrors(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct {
		name string
		most int
		want string
	}{
		{"/dev/zero", 1 << 20, "/dev/zero has more than 1 MiB"},
		{"/dev/zero", 100, "/dev/zero has more than 100 bytes"},
		{folder, 100, "read " + folder + ": is a directory"},
		{folder + "/none", 100, "open " + folder + "/none: no such file or directory"},
	} {
		if _, _, err := Read(test.name, test.most); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
