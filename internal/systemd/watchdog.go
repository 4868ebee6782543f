//go:build linux

package systemd

import (
	"os"
	"strconv"
	"time"
)

// WatchdogTimeout returns how long the manager waits for Watchdog before it takes the
// service for dead, as the environment says; 0 is for ever.
func WatchdogTimeout(lookup func(string) (string, bool)) time.Duration {
	if pid, set := lookup("WATCHDOG_PID"); set && pid != strconv.Itoa(os.Getpid()) {
		return 0 // that is about another process
	}
	text, _ := lookup("WATCHDOG_USEC")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > int64(24*365*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}
