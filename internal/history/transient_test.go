package history

import (
	"errors"
	"path/filepath"
	"testing"
)

// What may pass by itself can be told from the error also after it was put into words.
func TestIsTransient(t *testing.T) {
	path := written(t, "alice: hello")
	none := filepath.Join(t.TempDir(), "none.db")
	_, missing := openChecked(t.Context(), none, shared.options())
	_, damaged := openChecked(t.Context(), mustWrite(t, "not a database, and long enough to be looked at"), shared.options())
	for _, test := range []struct {
		what string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"another", errors.New("another"), false},
		{"changed", errChanged, true},
		{"unreachable", errUnreachable("unreachable"), true},
		{"it can't be opened", missing, true},
		{"no database", damaged, false},
	} {
		if test.what != "none" && test.err == nil {
			t.Fatalf("%s: there is no error", test.what)
		}
		if got := IsTransient(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
		if got := IsTransient(explain(path, test.err)); got != test.want {
			t.Errorf("%s in words: %v, want %v", test.what, got, test.want)
		}
	}
}

func mustWrite(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	writeFile(t, path, content)
	return path
}
