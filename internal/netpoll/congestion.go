//go:build linux

package netpoll

import (
	"os"
	"strings"
	"sync"
)

// plainCongestion is the congestion control of connections within this machine:
// the plainest there is, which every kernel has and every process may choose.
// There is nothing to be congested; and one that paces what it sends, as BBR
// does, where it is the system's choice, sets a timer for each packet, which
// takes longer than to send it.
//
// Connections inherit it from their listener, because one that has paced once
// always will. See TCP_CONGESTION in tcp(7).
const plainCongestion = "reno"

// systemCongestion returns the congestion control that the system is set to,
// or plainCongestion if that can't be found out.
var systemCongestion = sync.OnceValue(func() string {
	name, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return plainCongestion
	}
	return strings.TrimSpace(string(name))
})
