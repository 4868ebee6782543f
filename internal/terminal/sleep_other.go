//go:build !linux

package terminal

import "time"

var begun = time.Now()

// slept returns for how long the machine has slept so far, which the clock on
// the wall counts and the monotonic one does not. A clock that is set forward
// looks the same.
func slept() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(begun.Round(0)) - now.Sub(begun)
}
