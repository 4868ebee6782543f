package rooms

import "time"

// A Rate is how many messages a member of a room may send in a period; the zero Rate is
// no limit.
type Rate struct {
	Messages int
	Per      time.Duration
}
