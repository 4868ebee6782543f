//go:build linux

package limit

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// A connection from an address that may not connect is reset, and the next one that may is
// accepted.
func TestScreen(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Screen(inner, func(from netip.Addr) bool { return from == netip.MustParseAddr("127.0.0.2") })
	defer l.Close()
	dial := func(from string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := dialer.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	refused, welcome := dial("127.0.0.1"), dial("127.0.0.2")
	defer refused.Close()
	defer welcome.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if accepted.RemoteAddr().String() != welcome.LocalAddr().String() {
		t.Errorf("a connection from %v is accepted", accepted.RemoteAddr())
	}
	if n, err := refused.Read(make([]byte, 1)); n > 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("of a connection that may not come, %d bytes are read: %v", n, err)
	}
}
