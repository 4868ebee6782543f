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
func (e *ended) Fatalf(string, ...any) { e.failed = true; runtime.Goexit() }
func (e *ended) Skipf(string, ...any)  { e.skipped = true; runtime.Goexit() }

// A test that lacks something fails in CI, and is skipped anywhere else.
func TestLacks(t *testing.T) {
	for value, inCI := range map[string]bool{"true": true, "": false, "false": false} {
		t.Setenv("CI", value)
		var e ended
		done := make(chan struct{})
		go func() {
			defer close(done)
			Lacks(&e, "a thing")
		}()
		<-done
		if e.failed != inCI || e.skipped == inCI {
			t.Errorf("CI=%q: failed %v, skipped %v", value, e.failed, e.skipped)
		}
	}
}
