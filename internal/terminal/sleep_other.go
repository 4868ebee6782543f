//go:build !linux

package terminal

import "time"

var begun = time.Now()

// slept returns for how long the machine has slept so far: the wall clock counts
// that, and the monotonic clock does not. Setting the clock forward looks the
// same.
func slept() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(begun.Round(0)) - now.Sub(begun)
}
