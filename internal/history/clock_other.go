//go:build !linux

package history

import "time"

var started = time.Now()

// elapsed returns the time since some moment. It is never set.
func elapsed() time.Duration { return time.Since(started) }
