package broadcast

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The log has no I/O, no sockets and no clock, and knows nothing of its readers, so
// that it can be tested exhaustively. So it imports little, and of the packages
// that could do more it uses only types and values.
func TestImports(t *testing.T) {
	allowed := []string{"bytes", "context", "encoding/binary", "fmt", "io", "net/netip", "slices", "sync", "sync/atomic", "time", "sop-chat/internal/wire"}
	used := map[string][]string{
		"bytes": {"TrimRight", "Clone"},
		"fmt":   {"Errorf"},
		"io":    {"EOF"},
		"time":  {"Time", "Duration", "Unix", "Second", "Minute"},
	}
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := s.X.(*ast.Ident); ok && used[pkg.Name] != nil && !slices.Contains(used[pkg.Name], s.Sel.Name) {
					t.Errorf("%s uses %s.%s", name, pkg.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}
