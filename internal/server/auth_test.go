//go:build linux

package server

import (
	"net/netip"
	"syscall"
	"testing"

	"sop-chat/internal/websocket"
)

// A pingKernel has pings to read, without end.
type pingKernel struct {
	*simKernel
	sent, reads int
}

func (k *pingKernel) Read(_ int, b []byte) (int, syscall.Errno) {
	k.reads++
	ping := []byte{0x89, 0x80, 0, 0, 0, 0} // empty, masked with zeros
	for i := range b {
		b[i] = ping[k.sent%len(ping)]
		k.sent++
	}
	return len(b), 0
}

// A WebSocket that sends pings and no key keeps the loop no longer than any other
// connection.
func TestPendingPings(t *testing.T) {
	w := emptyWorld(1)
	w.config = simConfig{loops: 1}
	w.begin()
	w.addRoom(simRoomConfig{first: 1, backlog: 256 << 10})
	l := w.loops[0]
	k := &pingKernel{simKernel: l.kernel.(*simKernel)}
	l.kernel = k
	s := &socket{addr: netip.MustParseAddrPort("192.0.2.1:1")}
	w.install(s)
	l.acceptor.add(Adopted{FD: s.fd, Peer: s.addr, WebSocket: true})
	if k.reads == 0 || k.reads > maxAuthReads {
		t.Errorf("it was read %d times at once, want 1 to %d", k.reads, maxAuthReads)
	}
	if c := l.table.conns[s.fd]; c == nil || c.state != pending {
		t.Fatal("it is not pending any more")
	} else if c.partial == nil || c.partial.frames.outLen > websocket.MaxControlFrame {
		t.Error("its pongs pile up")
	}
}
