package client

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// askKernel returns the state of a connection, see TCP_INFO in tcp(7). When the
// connection has broken, its last state remains until it is closed.
func askKernel(conn *net.TCPConn) (s tcpState, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return s, false
	}
	raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		ok = true
		s = tcpState{
			acked:      int64(info.Bytes_acked),
			quiet:      time.Duration(info.Last_ack_recv) * time.Millisecond,
			unanswered: int(info.Retransmits) + int(info.Probes),
			zeroWindow: info.Snd_wnd == 0,
		}
	})
	return s, ok
}

// limitRetransmission does nothing: the link checks for progress itself.
func limitRetransmission(*net.TCPConn, time.Duration) {}
