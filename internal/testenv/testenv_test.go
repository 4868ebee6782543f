package testenv

import (
	"runtime"
	"testing"
)

// An ended is a test that records how it ended.
type ended struct {
	testing.TB
	failed, skipped bool
}

func (e *ended) Helper()               {}
func (e *ended) Logf(string, ...any)   {}
func (e *ended) Fatalf(string, ...any) { e.failed = true; runtime.Goexit() }
func (e *ended) Skipf(string, ...any)  { e.skipped = true; runtime.Goexit() }

// A test that lacks something fails in CI. Anywhere else it is skipped, or goes on without.
func TestLacks(t *testing.T) {
	for value, inCI := range map[string]bool{"true": true, "": false, "false": false} {
		t.Setenv("CI", value)
		lacks := how(func(e *ended) { Lacks(e, "a thing") })
		if lacks.failed != inCI || lacks.skipped == inCI {
			t.Errorf("CI=%q: failed %v, skipped %v", value, lacks.failed, lacks.skipped)
		}
		without := how(func(e *ended) { Without(e, "a thing") })
		if without.failed != inCI || without.skipped {
			t.Errorf("CI=%q, without: failed %v, skipped %v", value, without.failed, without.skipped)
		}
	}
}

// how returns how a test ends.
func how(test func(*ended)) *ended {
	e, done := new(ended), make(chan struct{})
	go func() {
		defer close(done)
		test(e)
	}()
	<-done
	return e
}
