package client

import (
	"net"
	"syscall"
	"time"
)

// askKernel returns nothing on this system.
func askKernel(*net.TCPConn) (s tcpState, ok bool) { return s, false }

// limitRetransmission sets how long the kernel sends without an answer.
func limitRetransmission(conn *net.TCPConn, limit time.Duration) {
	const maxRT = 5 // TCP_MAXRT in ws2ipdef.h, in seconds
	if raw, err := conn.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_TCP, maxRT, int(limit/time.Second))
		})
	}
}
