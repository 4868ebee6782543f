package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/testenv"
)

// make module renames the module wherever it is named. What is renamed is a
// copy of this checkout, of which little is built and tested; with
// SOP_CHAT_MODULE=full everything is built and vetted, tests too, and those are run
// that don't take long.
func TestRenameModule(t *testing.T) {
	t.Parallel()
	const path = "example.org/some-body/sop-chat"
	old := modulePath(t)
	folder := copyCheckout(t)
	run(t, folder, "make", "module", "PATH="+path)

	if got := strings.TrimSpace(run(t, folder, "go", "list", "-m")); got != path {
		t.Errorf("the module is %q, want %q", got, path)
	}
	// The scripts and the Makefile name the placeholder, and the path of this test is in it.
	named := regexp.MustCompile(`(^|[^\w./@-])` + regexp.QuoteMeta(old) + `(/(client|internal|bench|examples|tools)\b|@v|=\.\.)`)
	walkFiles(t, folder, func(name string, content []byte) {
		if at := named.FindIndex(content); at != nil && filepath.Base(name) != "module_test.go" {
			t.Errorf("%s still says %q", name, content[at[0]:min(at[1]+40, len(content))])
		}
	})

	run(t, folder, "go", "mod", "tidy", "-diff")
	if os.Getenv("SOP_CHAT_MODULE") != "full" {
		run(t, folder, "go", "test", "-run", "TestImports", ".")
		run(t, folder, "go", "test", "./internal/wire", "./examples/...")
		return
	}
	run(t, folder, "go", "build", "./...")
	run(t, folder, "go", "vet", "./...")
	run(t, filepath.Join(folder, "bench"), "go", "vet", "./...")
	slow := []string{"", "/client", "/internal/e2e", "/internal/history", "/internal/server", "/internal/terminal"}
	var packages []string
	for name := range strings.FieldsSeq(run(t, folder, "go", "list", "./...")) {
		if !slices.Contains(slow, strings.TrimPrefix(name, path)) {
			packages = append(packages, name)
		}
	}
	run(t, folder, "go", append([]string{"test"}, packages...)...)
}

// A path by which nobody could import the module is refused, and nothing is
// changed.
func TestRenameModuleRefused(t *testing.T) {
	t.Parallel()
	folder := copyCheckout(t)
	before, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for argument, want := range map[string]string{
		"PATH=chat":                   `"chat" has no dot before its first slash`,
		"PATH=":                       "say the module's new path",
		"PATH=https://example.org/me": `"https://example.org/me" is a URL; leave out its beginning, https://`,
		"PATH=example.org/a b":        `"example.org/a b" is not a module path`,
		"PATH=example.org/a'$(id)":    `"example.org/a'$(id)" is not a module path`,
		"PATH=example.org//a":         `malformed import path "example.org//a"`,
		"KEY=none":                    "say the module's new path: make module PATH=github.com/you/sop-chat",
	} {
		argument = strings.ReplaceAll(argument, "$", "$$") // as make has it
		cmd := exec.Command("make", "module", argument)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%swant %s", argument, err, out, want)
		}
	}
	if after, err := os.ReadFile(filepath.Join(folder, "go.mod")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("go.mod was changed (%v)", err)
	}
}

// Another module can use the package client as the README says.
func TestUseClient(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	edit := regexp.MustCompile("`go (mod edit -require=\\S+ -replace=\\S+=)\\.\\./sop-chat`").FindSubmatch(readme)
	if edit == nil {
		t.Fatal("the README does not say how")
	}
	folder := t.TempDir()
	run(t, folder, "go", "mod", "init", "example.org/other")
	run(t, folder, "go", strings.Fields(string(edit[1])+here)...)
	program := fmt.Sprintf("package main\n\nimport (\n\"fmt\"\n\n%q\n)\n\nfunc main() { fmt.Println(client.MaxText) }\n",
		modulePath(t)+"/client")
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, folder, "go", "mod", "tidy")
	if got := run(t, folder, "go", "run", "."); got != "448\n" {
		t.Errorf("the program says %q", got)
	}
}

// copyCheckout copies the files of this checkout that git knows.
func copyCheckout(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"git", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			testenv.Lacks(t, tool)
		}
	}
	// The checkout may belong to another user.
	list, err := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		testenv.Lacks(t, "a git checkout: "+err.Error())
	}
	folder := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		info, err := os.Stat(name)
		if os.IsNotExist(err) {
			continue // it was removed, but not from the index
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// walkFiles calls visit for each file below a folder.
func walkFiles(t *testing.T, folder string, visit func(name string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		visit(path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command that has to succeed, and returns what it writes to its
// standard output.
func run(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = folder
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, &stdout, &stderr)
	}
	return stdout.String()
}
