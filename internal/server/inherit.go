//go:build linux

package server

import (
	"net/netip"

	"sop-chat/internal/netpoll"
)

// Inherit listens at a TCP listener that another process has opened, whose descriptor
// belongs to the server from then on, and returns its address. It is called before Serve.
func (s *Server) Inherit(fd int) (netip.AddrPort, error) {
	at, err := netpoll.Inherit(fd)
	if err != nil {
		return at, err
	}
	s.listeners = append(s.listeners, fd)
	return at, nil
}
