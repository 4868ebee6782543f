//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// spareDescriptors is what the process needs besides connections.
const spareDescriptors = 16

// checkDescriptors reports whether so many connections may be open. Go raises
// the limit to what the process may have by itself.
func checkDescriptors(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil // then opening them will tell
	}
	if uint64(connections+spareDescriptors) > uint64(limit.Cur) {
		return fmt.Errorf("%d connections need more descriptors than this process may have (%d); "+
			"ulimit -Hn shows the limit, and root can raise it", connections, limit.Cur)
	}
	return nil
}
