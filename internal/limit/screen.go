//go:build linux

package limit

import (
	"net"
	"net/netip"
)

// Screen returns a listener that accepts from another one of TCP, and resets connections
// from addresses that may not connect.
func Screen(inner net.Listener, mayConnect func(netip.Addr) bool) net.Listener {
	return screened{inner, mayConnect}
}

type screened struct {
	net.Listener
	mayConnect func(netip.Addr) bool
}

func (s screened) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp := c.(*net.TCPConn)
		if s.mayConnect(addressOf(tcp)) {
			return c, nil
		}
		tcp.SetLinger(0) // or the kernel keeps it for a peer that may never read
		tcp.Close()
	}
}
