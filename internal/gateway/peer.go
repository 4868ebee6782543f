//go:build linux

package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"sop-chat/internal/origin"
)

// Peer returns the address of the far end of a request. Behind
// trusted proxies it is the last address in X-Forwarded-For that is not one of
// theirs: what stands before it anybody could have written. Its port is not
// known then, and 0.
func (g *Gateway) Peer(r *http.Request) netip.AddrPort {
	at := address(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusts(at.Addr()); i-- {
		before, ok := parseHop(hops[i])
		if !ok {
			break
		}
		at = before
	}
	return at
}

// address reads what net writes for an address; the zero value is none.
func address(text string) netip.AddrPort {
	at, _ := netip.ParseAddrPort(text)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// parseHop reads one address of X-Forwarded-For, which some write with a port.
func parseHop(text string) (netip.AddrPort, bool) {
	text = strings.TrimSpace(text)
	if at, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()), true
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), 0), err == nil
}

// trusts reports whether an address is that of a proxy whose word is taken.
func (g *Gateway) trusts(addr netip.Addr) bool { return origin.Among(addr, g.config.Proxies) }
