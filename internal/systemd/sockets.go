//go:build linux

package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Socket is one that the manager has opened for the service, or a descriptor of its store.
type Socket struct {
	// Name is FileDescriptorName= of its unit: the unit's own name if there is none. A
	// descriptor of the store has that with which it was stored.
	Name string
	FD   int
}

const (
	firstSocket = 3       // SD_LISTEN_FDS_START
	mostSockets = 1 << 20 // more than a manager would ever pass
)

// Sockets returns the sockets that were opened for this process, as the environment says.
// They belong to the caller, and are closed on exec. The variables are removed, so that no
// other process takes the sockets for its own.
func Sockets(lookup func(string) (string, bool)) ([]Socket, error) {
	defer func() {
		for _, variable := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
			os.Unsetenv(variable)
		}
	}()
	if pid, _ := lookup("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	text, _ := lookup("LISTEN_FDS")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > mostSockets {
		return nil, fmt.Errorf("LISTEN_FDS=%q is not a number of sockets", text)
	}
	var names []string
	if text, _ := lookup("LISTEN_FDNAMES"); text != "" {
		names = strings.Split(text, ":")
	}
	var sockets []Socket
	for i := range n {
		s := Socket{FD: firstSocket + i}
		if i < len(names) {
			s.Name = names[i]
		}
		if _, err := unix.FcntlInt(uintptr(s.FD), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("LISTEN_FDS=%d, and descriptor %d can't be used: %w", n, s.FD, os.NewSyscallError("fcntl", err))
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}
