// Package testenv says what a test does on a machine that lacks what it needs:
// a person's `go test` skips it, and CI, which has to have everything, fails.
// It knows nothing of the program.
package testenv

import (
	"os"
	"testing"
)

// Lacks skips a test that needs something the machine lacks, such as a command
// or a privilege. Where everything has to be there (CI=true), it fails the test
// instead, so that nothing is left untested without anybody noticing.
func Lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine lacks %s", what)
	}
	t.Skipf("this machine lacks %s", what)
}

// Without says in a test's log that it goes on without something that the machine lacks. Where
// everything has to be there (CI=true), it fails the test.
func Without(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine lacks %s", what)
	}
	t.Logf("this machine lacks %s, so that the test goes on without", what)
}
