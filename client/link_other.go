//go:build !linux && !darwin && !windows

package client

import (
	"net"
	"time"
)

// askKernel returns nothing on this system.
func askKernel(*net.TCPConn) (s tcpState, ok bool) { return s, false }

// limitRetransmission does nothing: the kernel's own limit applies.
func limitRetransmission(*net.TCPConn, time.Duration) {}
