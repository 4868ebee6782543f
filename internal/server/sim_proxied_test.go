//go:build linux

package server

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// simProxy is where the connections of a proxy come from, which is trusted.
var (
	simProxy   = netip.MustParseAddr("10.9.9.9")
	simProxies = []netip.Prefix{netip.PrefixFrom(simProxy, 24).Masked()}
)

// comeByProxy has a client that is about to connect come by a proxy. Most proxies say
// whose connection it is, and some what nobody can understand.
func (c *simClient) comeByProxy() {
	w, client := c.world, c.socket.addr
	c.socket.addr = netip.AddrPortFrom(simProxy, uint16(c.number))
	var header []byte
	switch w.rng.IntN(8) {
	case 0: // says nothing
	case 1:
		header = []byte("PROXY UNKNOWN whatever\r\n")
	case 2:
		header = header2(0x20, client, w.rng.IntN(100)) // LOCAL
	case 3:
		header, c.misled = []byte("PROXY UNKNOW\r\n"), true
	case 4, 5:
		header = header1(client)
		c.addr = client
	default:
		header = header2(0x21, client, w.rng.IntN(2000))
		c.addr = client
	}
	c.header = len(header)
	c.sending = append(c.sending, header...)
}

// address returns as which the server has to know the client.
func (c *simClient) address() netip.AddrPort {
	if c.addr.IsValid() {
		return c.addr
	}
	return c.socket.addr
}

// header1 returns a header of version 1.
func header1(client netip.AddrPort) []byte {
	if client.Addr().Is6() {
		return fmt.Appendf(nil, "PROXY TCP6 %v 2001:db8::1 %d 9000\r\n", client.Addr(), client.Port())
	}
	return fmt.Appendf(nil, "PROXY TCP4 %v 10.9.9.1 %d 9000\r\n", client.Addr(), client.Port())
}

// header2 returns a header of version 2, with more fields.
func header2(command byte, client netip.AddrPort, more int) []byte {
	addr := client.Addr().As4()
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, 0x11)
	b = binary.BigEndian.AppendUint16(b, uint16(12+more))
	b = append(append(b, addr[:]...), 10, 9, 9, 1)
	b = binary.BigEndian.AppendUint16(b, client.Port())
	return append(binary.BigEndian.AppendUint16(b, 9000), make([]byte, more)...)
}

// A proxy's connections are bounded in all, and not as those of one address, until it is
// known whose they are. From then on they are the client's, also if that becomes known
// late.
func TestProxiedAreCountedForTheirClients(t *testing.T) {
	w := emptyWorld(1)
	w.config = simConfig{loops: 1, pending: 4, perAddress: 2}
	w.begin()
	w.addRoom(simRoomConfig{first: 1, backlog: 256 << 10})
	arrive := func(from netip.Addr) *simClient {
		c := &simClient{world: w, room: w.rooms[0], number: w.born, next: -1}
		w.born++
		c.socket = &socket{peer: c, addr: netip.AddrPortFrom(from, uint16(c.number)), fd: -1, openAt: w.now, inCap: 1 << 10, outCap: 1 << 10}
		w.arriving = append(w.arriving, c.socket)
		return c
	}
	say := func(c *simClient, header string) { c.socket.in = append(c.socket.in, header...) }
	goOn := func(d time.Duration) {
		for end := w.now.Add(d); ; w.now = w.now.Add(10 * time.Millisecond) {
			w.workOff(func(*simClient) bool { return false })
			if !w.now.Before(end) {
				return
			}
		}
	}
	check := func(when string, want map[*simClient]bool) {
		t.Helper()
		for c, open := range want {
			if got := c.socket.fd >= 0; got != open {
				t.Errorf("%s: connection %d is open: %v, want %v", when, c.number, got, open)
			}
		}
	}
	var all []*simClient
	for range 5 {
		all = append(all, arrive(simProxy))
	}
	goOn(0)
	goOn(2 * grace)
	check("too many in all", map[*simClient]bool{all[0]: false, all[1]: true, all[2]: true, all[3]: true, all[4]: true})

	for _, c := range all[1:4] {
		say(c, "PROXY TCP4 192.0.2.1 ")
		goOn(0)
		say(c, "198.51.100.1 1 2\r\n")
		goOn(0)
	}
	check("three of one client", map[*simClient]bool{all[1]: false, all[2]: true, all[3]: true, all[4]: true})

	others := []*simClient{arrive(netip.MustParseAddr("192.0.2.2")), arrive(netip.MustParseAddr("192.0.2.3"))}
	goOn(0)
	goOn(2 * grace)
	check("one more in all", map[*simClient]bool{all[2]: false, all[3]: true, all[4]: true, others[0]: true, others[1]: true})
	others = append(others, arrive(netip.MustParseAddr("192.0.2.4")))
	goOn(0)
	goOn(2 * grace)
	check("another, and no address has two", map[*simClient]bool{all[3]: false, all[4]: true, others[0]: true, others[1]: true, others[2]: true})
	w.stop.Store(true)
	w.loops[0].shutdown()
}
