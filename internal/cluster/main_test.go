package cluster

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that no test leaves a goroutine behind. Properties take more
// steps than rapid's default, so that each run goes round the log's ring several
// times; -rapid.steps and -rapid.checks change that.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.steps", "100"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
