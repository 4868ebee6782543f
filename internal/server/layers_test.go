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
		"kernel", "fileMemory", "origins", "system", "clock", "tally", "restraint", "reason", "cause", "outcome", "outcomeKind", "spares", "partial", "frames", "flatFrame", "framing",
		"output", "sendLimits", "sendMeter", "sendChoice", "sendMode", "modeChooser", "trialLimits", "period", "sent",
	}},
	{"conn", []string{"conn", "state", "lag"}},
	{"room", []string{
		"report", "Room", "relay", "missing", "Recaller", "recalling", "Rate", "rateLimit", "roomAt", "takenNames", "takenName", "claim", "elsewhere", "OtherClient", "otherClients", "link", "Skeletons", "RoomConfig", "Epochs", "start", "rooms", "digest", "identities", "identityID", "identity", "claimed", "passes", "passage", "Pass", "Keyring", "Checked", "Verdict", "inbox", "assignment", "emptying", "request", "Who", "Member", "ending", "endings", "table", "speaker", "speech", "spoken", "announcer", "arrivals", "arrival", "absent",
	}},
	{"audience", []string{"audience", "audiences", "common", "eventList", "work", "schedule", "limits", "rotation", "shares", "rates", "limited", "drainingConn"}},
	{"acceptor", []string{
		"acceptor", "acceptorLimits", "motd", "answerQueue", "answer", "Adopted", "Since", "handoffQueue", "Descriptors", "pendingConn", "pendingSet", "source", "network", "ranking", "ranked", "delays", "delayedOrigin", "refusal",
	}},
	{"loop", []string{"loop", "lastReports", "LoopStats", "Stats", "progress", "Server", "Config", "heartbeat", "freezer", "running", "saver", "restoring", "restoredMember", "restoredPending"}},
}

// mayName reports whether what is declared in one layer may name what is in another.
// The acceptor and the audience are beside one another, and know nothing of each other.
func mayName(from, to int) bool {
	return to <= from && !(layers[from].name == "acceptor" && layers[to].name == "audience")
}

// callbacks are the only functions that are kept in a field, beside Skeletons, which looks
// at a name: each wakes a loop, from any goroutine, and calls nothing else.
var callbacks = []string{"wake"}

// Calls go from the loop down to the kernel, and never up.
func TestLayers(t *testing.T) {
	decls, info, pkg := checkTypes(t)
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
	// named returns the layers that are named in a node, and a name from each.
	named := func(n ast.Node) map[int]string {
		names := map[int]string{}
		ast.Inspect(n, func(n ast.Node) bool {
			if id, isIdent := n.(*ast.Ident); isIdent {
				obj := info.ObjectOf(id)
				if f, isFunc := obj.(*types.Func); isFunc && f.Signature().Recv() != nil {
					obj = typeNameOf(f.Signature().Recv().Type())
				}
				if i, known := layer[obj]; known {
					names[i] = id.Name
				}
			}
			return true
		})
		return names
	}
	for changed := true; changed; { // a function is in the highest layer of what it names
		changed = false
		for _, d := range decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc && f.Recv == nil {
				for i := range named(f) {
					if obj := info.Defs[f.Name]; i > layer[obj] {
						layer[obj], changed = i, true
					}
				}
			}
		}
	}
	check := func(owner types.Object, n ast.Node, what string) {
		for i, name := range named(n) {
			if !mayName(layer[owner], i) {
				t.Errorf("%s is in layer %s, and names %s of layer %s", what, layers[layer[owner]].name, name, layers[i].name)
			}
		}
	}
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if owner := ownerOf(d, info); owner != nil {
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

// The loop alone closes connections, in one function; and those that no acceptor took.
func TestOneFunctionCloses(t *testing.T) {
	decls, info, pkg := checkTypes(t)
	closing, _, _ := types.LookupFieldOrMethod(pkg.Scope().Lookup("kernel").Type(), false, pkg, "Close")
	var found []string
	for _, d := range decls {
		f, isFunc := d.(*ast.FuncDecl)
		if !isFunc {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, isIdent := n.(*ast.Ident); isIdent && info.Uses[id] == closing {
				found = append(found, ownerOf(f, info).Name()+"."+f.Name.Name)
			}
			return true
		})
	}
	slices.Sort(found)
	if want := []string{"acceptor.closeAdopted", "loop.close"}; !slices.Equal(found, want) {
		t.Errorf("descriptors are closed by %q, want %q", found, want)
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

// checkTypes returns what the package declares, and its types as far as they are known
// without its imports.
func checkTypes(t *testing.T) (decls []ast.Decl, info *types.Info, pkg *types.Package) {
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
		files, decls = append(files, f), append(decls, f.Decls...)
	}
	info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}}
	pkg, _ = config.Check("server", set, files, info) // fails for want of the imports
	return decls, info, pkg
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

// ownerOf returns the type a method belongs to; nil for a function.
func ownerOf(f *ast.FuncDecl, info *types.Info) types.Object {
	if f.Recv == nil {
		return nil
	}
	return typeNameOf(info.Defs[f.Name].(*types.Func).Signature().Recv().Type())
}
