//go:build linux

package secure

// A gate bounds how many handshakes compute at the same time, so that many of them leave
// the processors to the event loops. What waits for the network does not compute.
type gate chan struct{}

func (g gate) enter() { g <- struct{}{} }
func (g gate) leave() { <-g }
