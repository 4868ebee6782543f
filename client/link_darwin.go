package client

import (
	"net"
	"syscall"
	"time"
)

// askKernel returns nothing on this system: SO_NWRITE reports that everything is
// acknowledged after the connection has broken.
func askKernel(*net.TCPConn) (s tcpState, ok bool) { return s, false }

// limitRetransmission sets how long the kernel sends without an answer.
func limitRetransmission(conn *net.TCPConn, limit time.Duration) {
	const connDropTime = 0x80 // TCP_RXT_CONNDROPTIME in <netinet/tcp.h>, in seconds
	if raw, err := conn.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, connDropTime, int(limit/time.Second))
		})
	}
}
