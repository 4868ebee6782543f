//go:build !linux

package history

import "time"

var started = time.Now()

// elapsed returns the time since a fixed moment. Setting the clock does not
// change it.
func elapsed() time.Duration { return time.Since(started) }
