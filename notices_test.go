package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/testenv"
)

var update = flag.Bool("update", false, "renew THIRD_PARTY_NOTICES")

// THIRD_PARTY_NOTICES has each module that is linked into the program for any
// system, with its license, and no others (-update renews it).
func TestNotices(t *testing.T) {
	const file = "THIRD_PARTY_NOTICES"
	want := writeNotices(t, linkedModules(t))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		for _, name := range headings(want) {
			if !slices.Contains(headings(string(got)), name) {
				t.Errorf("%s lacks %s", file, name)
			}
		}
		for _, name := range headings(string(got)) {
			if !slices.Contains(headings(want), name) {
				t.Errorf("%s has %s, which is not linked", file, name)
			}
		}
		t.Errorf("%s is not what the modules say; make licenses renews it", file)
	}
}

// A linkedModule is one of which something is linked into the program.
type linkedModule struct {
	name    string // path and version
	folder  string
	folders []string // of the packages that are linked, and those above them
}

// linkedModules returns the modules of all systems that the program is built
// for in CI.
func linkedModules(t *testing.T) []*linkedModule {
	t.Helper()
	steps, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	systems := regexp.MustCompile(`for system in (.*); do`).FindSubmatch(steps)
	if systems == nil {
		t.Fatal("the systems are not found in .ci/run")
	}
	found := make(map[string]*linkedModule)
	for system := range strings.FieldsSeq(string(systems[1])) {
		goos, goarch, _ := strings.Cut(system, "/")
		cmd := exec.Command("go", "list", "-deps", "-f",
			"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
		list, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		for line := range strings.Lines(string(list)) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) < 3 {
				continue // of the standard library, or of this module
			}
			m := found[fields[0]]
			if m == nil {
				m = &linkedModule{name: fields[0], folder: fields[1]}
				found[m.name] = m
			}
			for folder := fields[2]; len(folder) >= len(m.folder); folder = filepath.Dir(folder) {
				m.folders = append(m.folders, folder)
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no modules are linked; the test asks for the wrong thing")
	}
	var modules []*linkedModule
	for _, name := range slices.Sorted(maps.Keys(found)) {
		modules = append(modules, found[name])
	}
	return modules
}

// texts returns the module's files that have to go with the program, by their
// names in the module.
func (m *linkedModule) texts(t *testing.T) map[string]string {
	t.Helper()
	legal := regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)`)
	texts := make(map[string]string)
	licensed := false
	for _, folder := range m.folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() || !legal.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			file := filepath.Join(folder, e.Name())
			name, err := filepath.Rel(m.folder, file)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.ToSlash(name)] = readText(t, file)
			licensed = licensed || !strings.HasPrefix(strings.ToLower(e.Name()), "notice")
		}
	}
	if !licensed {
		t.Errorf("%s has no license", m.name)
	}
	return texts
}

// readText returns a file's lines, ended as ours are.
func readText(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	return strings.Trim(text, "\n") + "\n"
}

const rule = "================================================================================\n"

// writeNotices returns the whole file. Go itself is no module; its license is
// that of golang.org/x/sys, word for word.
func writeNotices(t *testing.T, modules []*linkedModule) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("The program contains what follows, each part under the license after its name. The source of a\n" +
		"module is what \"go mod download\" fetches by its path and version.\n\n")
	write := func(name string, texts map[string]string) {
		fmt.Fprintf(&b, "%s%s\n%s", rule, name, rule)
		for _, file := range slices.Sorted(maps.Keys(texts)) {
			fmt.Fprintf(&b, "\n--- %s\n\n%s", file, texts[file])
		}
		b.WriteString("\n")
	}
	for _, m := range modules {
		if strings.HasPrefix(m.name, "golang.org/x/sys ") {
			write("Go's standard library and runtime", m.texts(t))
		}
	}
	for _, m := range modules {
		write(m.name, m.texts(t))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// headings returns the names in notices.
func headings(notices string) []string {
	var names []string
	for _, found := range regexp.MustCompile(rule+`(.+)\n`+rule).FindAllStringSubmatch(notices, -1) {
		names = append(names, found[1])
	}
	return names
}

// Go's own license is what the notices have for it, where the toolchain comes
// with one.
func TestGoLicense(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(strings.TrimSpace(string(root)), "LICENSE")
	if _, err := os.Stat(own); err != nil {
		testenv.Lacks(t, "Go's license beside the toolchain")
	}
	if heading := rule + "Go's standard library and runtime\n" + rule; !strings.Contains(notices, heading+"\n--- LICENSE\n\n"+readText(t, own)) {
		t.Errorf("the notices for Go are not %s", own)
	}
}
