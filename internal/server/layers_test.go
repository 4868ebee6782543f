//go:build linux

package server

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers are the types of this package, from the lowest layer to the highest. Calls go
// down: what a layer declares names nothing of a higher one, nor a function that does.
// What happened comes back up as a value.
var layers = []struct {
	name  string
	types []string
}{
	{"kernel", []string{
		"kernel", "fileMemory", "system", "clock", "cause", "outcome", "outcomeKind", "partial", "frames", "flatFrame", "framing",
		"output", "sendLimits", "sendMeter", "sendChoice", "sendMode", "modeChooser", "trialLimits", "period", "sent",
	}},
	{"conn", []string{"conn", "state", "lag", "input"}},
	{"audience", []string{"audience", "limits", "shares", "drainingConn", "ending", "endings", "room", "identities", "identity", "inbox", "assignment"}},
	{"loop", []string{
		"loop", "acceptor", "acceptorLimits", "pendingConn", "Adopted", "handoffQueue", "Descriptors", "pendingSet", "source", "network", "ranking", "ranked",
		"Server", "Config",
	}},
}

// callbacks are the only functions that are kept in a field: each wakes a loop, from
// any goroutine, and calls nothing else.
var callbacks = []string{"wake"}

// Calls go from the loop down to the kernel, and never up.
func TestLayers(t *testing.T) {
	files, info, pkg := checkTypes(t)
	layer := map[types.Object]int{}
	for i, l := range layers {
		for _, name := range l.types {
			obj := pkg.Scope().Lookup(name)
			if obj == nil {
				t.Errorf("there is no type %s in layer %s", name, l.name)
			}
			layer[obj] = i
		}
	}
	for _, name := range pkg.Scope().Names() {
		if obj, isType := pkg.Scope().Lookup(name).(*types.TypeName); isType {
			if _, known := layer[obj]; !known {
				t.Errorf("%s is in no layer", name)
			}
		}
	}
	var decls []ast.Decl
	for _, f := range files {
		decls = append(decls, f.Decls...)
	}
	// highest returns the highest layer that is named in a node, and the name.
	highest := func(n ast.Node) (top int, name string) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, isIdent := n.(*ast.Ident); isIdent {
				obj := info.ObjectOf(id)
				if f, isFunc := obj.(*types.Func); isFunc && f.Signature().Recv() != nil {
					obj = typeNameOf(f.Signature().Recv().Type())
				}
				if i := layer[obj]; i > top {
					top, name = i, id.Name
				}
			}
			return true
		})
		return top, name
	}
	for changed := true; changed; { // a function is in the layer of what it names
		changed = false
		for _, d := range decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc && f.Recv == nil {
				if top, _ := highest(f); top > layer[info.Defs[f.Name]] {
					layer[info.Defs[f.Name]], changed = top, true
				}
			}
		}
	}
	check := func(owner types.Object, n ast.Node, what string) {
		if top, name := highest(n); top > layer[owner] {
			t.Errorf("%s is in layer %s, and names %s of layer %s", what, layers[layer[owner]].name, name, layers[top].name)
		}
	}
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				owner := typeNameOf(info.Defs[d.Name].(*types.Func).Signature().Recv().Type())
				check(owner, d, owner.Name()+"."+d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, isType := s.(*ast.TypeSpec); isType {
					check(info.Defs[s.Name], s, s.Name.Name)
					checkCallbacks(t, s)
				}
			}
		}
	}
}

// checkCallbacks checks that a type keeps no functions by which it could call up.
func checkCallbacks(t *testing.T, s *ast.TypeSpec) {
	of, isStruct := s.Type.(*ast.StructType)
	if !isStruct {
		return
	}
	for _, f := range of.Fields.List {
		if _, isFunc := f.Type.(*ast.FuncType); !isFunc {
			continue
		}
		for _, name := range f.Names {
			if !slices.Contains(callbacks, name.Name) {
				t.Errorf("%s.%s is a function, by which calls may go up", s.Name.Name, name.Name)
			}
		}
	}
}

// checkTypes returns the package as far as it is known without its imports.
func checkTypes(t *testing.T) ([]*ast.File, *types.Info, *types.Package) {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set, files := token.NewFileSet(), []*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}}
	pkg, _ := config.Check("server", set, files, info) // fails for want of the imports
	return files, info, pkg
}

type noImporter struct{}

func (noImporter) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// typeNameOf returns the name of a type or of what it points to.
func typeNameOf(t types.Type) types.Object {
	if p, isPointer := t.(*types.Pointer); isPointer {
		t = p.Elem()
	}
	return t.(*types.Named).Obj()
}
