//go:build linux

package web

import (
	"net"
	"net/http"
	"sync"
)

// Visitors are the connections of an HTTP server that are no WebSockets. There
// is a bound to them, so that whoever opens many does not take the descriptors
// of those who chat.
type visitors struct {
	most int
	mu   sync.Mutex
	in   map[net.Conn]bool
}

func newVisitors(most int) *visitors { return &visitors{most: most, in: make(map[net.Conn]bool)} }

// changed is a http.Server's ConnState.
func (v *visitors) changed(conn net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch state {
	case http.StateNew:
		if len(v.in) >= v.most {
			conn.Close()
			return
		}
		v.in[conn] = true
	case http.StateHijacked, http.StateClosed:
		delete(v.in, conn)
	}
}
