//go:build linux

package netpoll

import (
	"os"
	"strings"
	"sync"
)

// plainCongestion is the congestion control of connections within this machine:
// the plainest there is, which every kernel has and every process may choose.
// Within a machine there is no congestion. The system's own choice may pace what
// it sends, as BBR does: it then sets a timer for each packet, which takes longer
// than sending it.
//
// Connections inherit it from their listener, because a connection that has paced
// once always will. See TCP_CONGESTION in tcp(7).
const plainCongestion = "reno"

// systemCongestion returns the system's congestion control, or plainCongestion if
// it can't be determined.
var systemCongestion = sync.OnceValue(func() string {
	name, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return plainCongestion
	}
	return strings.TrimSpace(string(name))
})
