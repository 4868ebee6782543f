package terminal

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

var noon = time.Date(2026, time.March, 1, 12, 4, 5, 0, time.Local)
