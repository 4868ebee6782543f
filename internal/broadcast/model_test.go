package broadcast

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the comments of the model name, such as broadcast.Log.Append, is there,
// so that a change of a name does not leave the model behind.
func TestModelNamesExist(t *testing.T) {
	model, err := os.ReadFile("hold.pml")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, name := range []string{"broadcast", "netpoll", "server"} {
		declare(t, declared, name)
	}
	names := regexp.MustCompile(`\b(?:broadcast|netpoll|server)(?:\.\w+)+`).FindAllString(string(model), -1)
	if len(names) < 20 {
		t.Fatalf("the model names only %q", names)
	}
	for _, name := range names {
		if !declared[name] {
			t.Errorf("hold.pml is about %s, which is not declared", name)
		}
	}
}

// declare adds the functions, methods, types and fields of a package, each with
// what it belongs to.
func declare(t *testing.T, declared map[string]bool, name string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", name, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(name, files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[name+"."+receiver(n)+n.Name.Name] = true
			case *ast.TypeSpec:
				declared[name+"."+n.Name.Name] = true
				declareFields(declared, name+"."+n.Name.Name, n)
			}
			return true
		})
	}
}

// receiver returns the name of a method's receiver type and a dot, or nothing.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	kind := f.Recv.List[0].Type
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind = pointer.X
	}
	if name, ok := kind.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

func declareFields(declared map[string]bool, of string, spec *ast.TypeSpec) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range fields.Fields.List {
		for _, name := range field.Names {
			declared[of+"."+name.Name] = true
		}
	}
}
