//go:build linux

package netpoll

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

var errNotTCP = errors.New("it is not a TCP socket that listens")

// Inherit makes a listener that another process has opened like one of Listen's, and
// returns its address. If it is not one of TCP, that is an error.
func Inherit(fd int) (netip.AddrPort, error) {
	for _, must := range []struct{ option, be int }{
		{unix.SO_TYPE, unix.SOCK_STREAM},
		{unix.SO_PROTOCOL, unix.IPPROTO_TCP},
		{unix.SO_ACCEPTCONN, 1},
	} {
		if value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, must.option); err != nil {
			return netip.AddrPort{}, os.NewSyscallError("getsockopt", err)
		} else if value != must.be {
			return netip.AddrPort{}, errNotTCP
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("fcntl", err)
	}
	unix.CloseOnExec(fd)
	setPlainCongestion(fd)
	return LocalAddr(fd)
}
