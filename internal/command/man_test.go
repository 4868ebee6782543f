package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/testenv"
)

// writtenPages returns the manual pages by the names of their files.
func writtenPages(t *testing.T) map[string]string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "share", "man1")
	p := process([]string{"man", folder}, "SOURCE_DATE_EPOCH=1767312000")
	p.Build = Build{Version: "1.2.3"}
	if status, stdout, stderr := result(t, p); status != 0 || stdout != "" || stderr != "" {
		t.Fatalf("status %d, standard output %q, standard error %q", status, stdout, stderr)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	pages := make(map[string]string)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pages[file.Name()] = string(content)
	}
	return pages
}

// Each command that --help shows has a page with all sections, in their order, and all
// its flags.
func TestManPages(t *testing.T) {
	pages := writtenPages(t)
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		name := manName(cmd) + ".1"
		page := pages[name]
		delete(pages, name)
		var sections []string
		for line := range strings.Lines(page) {
			if title, is := strings.CutPrefix(line, ".SH "); is {
				sections = append(sections, strings.Trim(title, "\"\n"))
			}
		}
		want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"}
		if cmd.HasAvailableSubCommands() {
			want = slices.Insert(want, 3, "COMMANDS")
		}
		if strings.Contains(page, "Variable:") {
			want = slices.Insert(want, slices.Index(want, "EXIT STATUS"), "ENVIRONMENT")
		}
		if !slices.Equal(sections, want) {
			t.Errorf("%s has the sections %q, want %q", name, sections, want)
		}
		if first, _, _ := strings.Cut(page, "\n"); !strings.HasSuffix(first, ` 1 "2026-01-02" "sop\-chat 1.2.3" "sop\-chat manual"`) {
			t.Errorf("%s begins with %s", name, first)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if has := strings.Contains(page, string(manFlag(f))); has == f.Hidden {
				t.Errorf("%s: --%s is hidden: %t, and there: %t", name, f.Name, f.Hidden, has)
			}
		})
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				check(sub)
			}
		}
	}
	check(newRoot(process(nil)))
	for name := range pages {
		t.Errorf("%s is the page of no command", name)
	}
}

// The pages refer to pages that are there.
func TestManReferences(t *testing.T) {
	pages := writtenPages(t)
	for name, page := range pages {
		for _, after := range strings.Split(page, `\fB`)[1:] {
			if reference, is := strings.CutSuffix(strings.Fields(after)[0], `\fR(1),`); is {
				if other := strings.ReplaceAll(reference, `\-`, "-") + ".1"; pages[other] == "" {
					t.Errorf("%s refers to %s", name, other)
				}
			}
		}
	}
}

// groff and mandoc have nothing to say about the pages.
func TestManLint(t *testing.T) {
	pages := writtenPages(t)
	for _, tool := range [][]string{
		{"groff", "-man", "-ww", "-b", "-z", "-Tutf8"},
		{"mandoc", "-Tlint", "-Wwarning"},
	} {
		path, err := exec.LookPath(tool[0])
		if err != nil {
			testenv.Lacks(t, tool[0])
		}
		for name, page := range pages {
			cmd := exec.Command(path, tool[1:]...)
			cmd.Stdin = strings.NewReader(page)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s of %s: %v\n%s", tool[0], name, err, out)
			}
		}
	}
}

// What is wrong is said: the argument, or that the folder can't be written to.
func TestManWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"man"}, 2, "DIR is missing"},
		{[]string{"man", "a", "b"}, 2, `"b" is one argument too many`},
		{[]string{"man", file}, 1, "the folder can't be made: mkdir " + file},
	} {
		p := process(test.args)
		if status, _, stderr := result(t, p); status != test.status || !strings.HasPrefix(stderr, "sop-chat: "+test.want) {
			t.Errorf("%q: status %d, %s", test.args, status, stderr)
		}
	}
}
