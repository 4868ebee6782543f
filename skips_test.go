package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maySkip holds the functions in tests that may skip by themselves, and why
// that leaves nothing untested in CI.
var maySkip = map[string]string{
	"internal/testenv/testenv.go: Lacks":                        "fails in CI",
	"internal/history/reader_test.go: FuzzSearch":               "an input that no message can hold",
	"internal/command/keep_linux.go: until":                     "skips messages, and no test",
	"internal/netpoll/memory_test.go: take":                     "rapid chooses another action",
	"internal/netpoll/memory_test.go: choose":                   "rapid chooses another action",
	"internal/netpoll/memory_test.go: send":                     "rapid chooses another action",
	"internal/netpoll/memory_test.go: seal":                     "rapid chooses another action",
	"internal/e2e/memory_test.go: newCgroup":                    "only with the race detector, and CI runs it without too",
	"internal/e2e/static_test.go: TestStatic":                   "only with the race detector, and CI runs it without too",
	"internal/e2e/web_slow_browser_test.go: TestWebSlowBrowser": "only with SOP_CHAT_E2E=full",
	"internal/e2e/web_screenshot_test.go: TestWebScreenshots":   "renews pictures and tests nothing",
}

// Tests skip by testenv.Lacks, which fails in CI, or for a reason in the table.
func TestSkips(t *testing.T) {
	found := skips(t)
	for _, place := range found {
		if _, known := maySkip[place]; !known {
			t.Errorf("%s skips a test, in CI too; call testenv.Lacks instead", place)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(maySkip)) {
		if !slices.Contains(found, place) {
			t.Errorf("%s does not skip any more; remove it from the table", place)
		}
	}
}

// skips returns the functions that call Skip, Skipf or SkipNow, those of modules
// in folders too.
func skips(t *testing.T) (places []string) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if function, is := declaration.(*ast.FuncDecl); is && callsSkip(function) {
				places = append(places, filepath.ToSlash(path)+": "+function.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

func callsSkip(function *ast.FuncDecl) (does bool) {
	ast.Inspect(function, func(n ast.Node) bool {
		if call, is := n.(*ast.CallExpr); is {
			if method, is := call.Fun.(*ast.SelectorExpr); is {
				does = does || slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name)
			}
		}
		return true
	})
	return does
}
