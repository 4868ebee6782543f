//go:build linux

package netpoll

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen returns a non-blocking TCP listener on an address, see socket(7) and
// ip(7). The address :: accepts IPv4 connections as well; where the system has no
// IPv6, or not both in one socket, it accepts IPv4 alone. The port can be bound
// again as soon as the listener is closed, whatever connections it had
// (SO_REUSEADDR).
func Listen(at netip.AddrPort) (int, error) {
	fd, err := listen(at)
	if err != nil && at.Addr() == netip.IPv6Unspecified() && !errors.Is(err, unix.EADDRINUSE) {
		return listen(netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port()))
	}
	return fd, err
}

func listen(at netip.AddrPort) (fd int, err error) {
	family, sockaddr := toSockaddr(at)
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			fd = -1
		}
	}()
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // otherwise the port is free only a minute later
	if at.Addr() == netip.IPv6Unspecified() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return fd, os.NewSyscallError("setsockopt", err)
		}
	}
	setPlainCongestion(fd)
	if err := unix.Bind(fd, sockaddr); err != nil {
		return fd, os.NewSyscallError("bind", err)
	}
	// The kernel cuts this down to net.core.somaxconn.
	const backlog = 1<<16 - 1
	if err := unix.Listen(fd, backlog); err != nil {
		return fd, os.NewSyscallError("listen", err)
	}
	return fd, nil
}

// setPlainCongestion sets the congestion control of a listener, see plainCongestion.
func setPlainCongestion(fd int) {
	if systemCongestion() != plainCongestion { // known, so that Tune can set it again
		unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, plainCongestion)
	}
}

// maxUnsent is how many bytes not yet sent a socket of PrepareListener holds:
// enough for what a fast peer takes until more is written.
const maxUnsent = 128 << 10

// PrepareListener prepares a listener of package net whose connections are to be
// handed to a loop: they have the congestion control of Listen's, and accept little
// that the peer has no space for yet, so that what was written to a connection
// tells how much its peer took (TCP_NOTSENT_LOWAT, see tcp(7)). Connections inherit
// both. It is a net.ListenConfig.Control. Where the system lacks something, it is not
// set.
func PrepareListener(_, _ string, listener syscall.RawConn) error {
	return listener.Control(func(fd uintptr) {
		setPlainCongestion(int(fd))
		setTCP(int(fd), unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}

// LocalAddr returns the address a socket is bound to.
func LocalAddr(fd int) (netip.AddrPort, error) {
	sockaddr, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	switch a := sockaddr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, nil
}

func toSockaddr(at netip.AddrPort) (family int, sockaddr unix.Sockaddr) {
	addr, port := at.Addr(), int(at.Port())
	if addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: addr.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: addr.As16(), ZoneId: zoneID(addr.Zone())}
}

// zoneID returns the number of a link-local address's zone, which is an
// interface's name or its number; 0 if there is no such interface.
func zoneID(zone string) uint32 {
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}
