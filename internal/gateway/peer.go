//go:build linux

package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// peer returns the address of whoever is at the far end of a request. Behind
// trusted proxies it is the last address in X-Forwarded-For that is not one of
// theirs: what stands before it anybody could have written. Its port is not
// known then, and 0.
func (g *Gateway) peer(r *http.Request) netip.AddrPort {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
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
func (g *Gateway) trusts(addr netip.Addr) bool {
	for _, prefix := range g.config.Proxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
