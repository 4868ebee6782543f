//go:build !linux && !darwin && !windows

package client

import (
	"net"
	"time"
)

// askKernel knows nothing here.
func askKernel(*net.TCPConn) (s tcpState, ok bool) { return s, false }

// limitRetransmission leaves it to the kernel here.
func limitRetransmission(*net.TCPConn, time.Duration) {}
