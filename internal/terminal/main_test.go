package terminal

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout is how long a test waits for a condition.
const testTimeout = 30 * time.Second

var noon = time.Date(2026, time.March, 1, 12, 4, 5, 0, time.Local)
