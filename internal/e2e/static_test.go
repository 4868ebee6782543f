package e2e

import (
	"debug/elf"
	"testing"
)

// The released binary needs no other file to run.
func TestStatic(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the race detector needs the C library")
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("it needs an interpreter")
		}
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %q, %v", libraries, err)
	}
}
