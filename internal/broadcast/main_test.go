package broadcast

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a goroutine behind. Properties take more steps than rapid
// would on its own, so that in each run the log's ring goes round several
// times; -rapid.steps and -rapid.checks say otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.steps", "100"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
