//go:build linux

package netpoll

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below bypass the scheduler (RawSyscall). On non-blocking descriptors
// they return at once, and telling the scheduler of each would cost more than a
// tenth of the server's time.

// Accept takes the next connection of a listener, see accept4(2). The
// descriptor it returns does not block and is closed on exec. The address of a
// peer that is not on IPv4 or IPv6 is the zero value.
func (p *Poller) Accept(listener int) (int, netip.AddrPort, syscall.Errno) {
	var peer unix.RawSockaddrInet6 // the larger of the two families
	length := uint32(unsafe.Sizeof(peer))
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener),
		uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&length)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(fd), address(&peer), 0
}

// NextFD returns the number that the process's next descriptor will have. It finds
// it by duplicating one that is open, see F_DUPFD in fcntl(2).
func (p *Poller) NextFD(open int) (int, syscall.Errno) {
	fd, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(open), unix.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	Close(int(fd))
	return int(fd), 0
}

// address converts what the kernel wrote. An IPv4 peer of an IPv6 socket has an
// IPv4 address.
func address(raw *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:])
	switch raw.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6:
		addr := netip.AddrFrom16(raw.Addr).Unmap()
		if raw.Scope_id != 0 && addr.Is6() {
			addr = addr.WithZone(strconv.Itoa(int(raw.Scope_id)))
		}
		return netip.AddrPortFrom(addr, port)
	}
	return netip.AddrPort{}
}

// Read reads into b, which must not be empty, see read(2). At the end of the
// stream it returns 0 and no error.
func (p *Poller) Read(fd int, b []byte) (int, syscall.Errno) { return Read(fd, b) }

// Read is like Poller.Read, for callers that have no poller.
func Read(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Send sends stretches of bytes, none of them empty, in one call, see send(2). It
// may send only the first of the bytes.
func (p *Poller) Send(fd int, stretches [][]byte) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if len(stretches) == 1 { // the common case, and cheaper for the kernel
		b := stretches[0]
		n, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	} else {
		vectors := p.vectors[:min(len(stretches), maxVectors)]
		for i := range vectors {
			vectors[i].Base = &stretches[i][0]
			vectors[i].SetLen(len(stretches[i]))
		}
		p.message.Iov = &vectors[0]
		p.message.SetIovlen(len(vectors))
		n, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&p.message)), unix.MSG_NOSIGNAL)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// SendMore sends bytes that more follow at once, so that the kernel does not send
// them in a packet of their own, see MSG_MORE in send(2).
func (p *Poller) SendMore(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_MORE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Close closes a descriptor, see close(2). Whatever it returns, the descriptor
// is gone: Linux frees it first, so a second call could close another one.
func (p *Poller) Close(fd int) syscall.Errno { return Close(fd) }

// Close is like Poller.Close, for callers that have no poller.
func Close(fd int) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return errno
}

// The keep-alive of an idle connection, see tcp(7): a peer that is gone is noticed
// after about two minutes.
const (
	keepAliveIdle     = 60 // seconds
	keepAliveInterval = 15 // seconds
	keepAliveProbes   = 4
)

// Tune prepares a connection for small messages that should arrive at once
// (TCP_NODELAY), and for a peer that vanishes: keep-alive while nothing is under
// way, TCP_USER_TIMEOUT while something is. A connection from another machine gets
// the system's congestion control, see plainCongestion. See tcp(7).
//
// Errors are ignored: where the system lacks an option, or the descriptor isn't
// TCP, the connection works without it.
func (p *Poller) Tune(fd int, peer netip.Addr, unacknowledged time.Duration) {
	Tune(fd, peer, unacknowledged)
}

// Tune is like Poller.Tune, for callers that have no poller.
func Tune(fd int, peer netip.Addr, unacknowledged time.Duration) {
	setTCP(fd, unix.TCP_NODELAY, 1)
	if system := systemCongestion(); !peer.IsLoopback() && system != plainCongestion {
		unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, system)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	setTCP(fd, unix.TCP_KEEPIDLE, keepAliveIdle)
	setTCP(fd, unix.TCP_KEEPINTVL, keepAliveInterval)
	setTCP(fd, unix.TCP_KEEPCNT, keepAliveProbes)
	SetUserTimeout(fd, unacknowledged)
}

// SetUserTimeout sets how long data may be unacknowledged, or unsent because the
// peer's window is closed, before the kernel gives the connection up. 0 is the
// kernel's own rule, under which the window of a peer that answers may be closed
// for ever. See TCP_USER_TIMEOUT in tcp(7).
func (p *Poller) SetUserTimeout(fd int, d time.Duration) { SetUserTimeout(fd, d) }

// SetUserTimeout is like Poller.SetUserTimeout, for callers that have no poller.
func SetUserTimeout(fd int, d time.Duration) {
	setTCP(fd, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}

// WindowClosed reports whether a TCP peer's window is closed: it is alive, and its
// program doesn't read. Where the system doesn't tell (before Linux 5.4 the window
// is always 0), it reports that it is. Of an end of a socket pair it reports whether the
// other has left something unread.
func (p *Poller) WindowClosed(fd int) bool { return WindowClosed(fd) }

// WindowClosed is like Poller.WindowClosed, for callers that have no poller.
func WindowClosed(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	switch {
	case err == unix.EOPNOTSUPP: // it is not TCP
		unread, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err == nil && unread > 0
	case err != nil:
		return true
	}
	return info.State == unix.BPF_TCP_ESTABLISHED && info.Snd_wnd == 0
}

// Reset has the next Close reset a TCP connection instead of ending it: what the
// peer has not taken is discarded. Otherwise the kernel keeps it, and offers it
// for minutes to a peer that does not read. See SO_LINGER in socket(7).
func (p *Poller) Reset(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// EndStream ends the stream to the peer after all that was sent, see SHUT_WR in
// shutdown(2).
func (p *Poller) EndStream(fd int) { EndStream(fd) }

// EndStream is like Poller.EndStream, for callers that have no poller.
func EndStream(fd int) { unix.Shutdown(fd, unix.SHUT_WR) }

func setTCP(fd, option, value int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, value)
}
