//go:build linux

package server

import (
	"net/netip"
	"syscall"

	"sop-chat/internal/origin"
	"sop-chat/internal/proxyproto"
)

// A proxy with a trusted address may say whose connection it passes on, by a header
// before all that the client sends, see proxyproto. The connection is then treated as if
// it came from the client's address. A connection that begins with anything else is the
// proxy's own, and so is one with a header that names no client.
//
// Until the header is complete, the client's address is not known. So the connection is
// counted among all pending connections, but not among those of an address, and it is
// evicted after all others: a proxy sends the header at once.

// isProxy reports whether connections from an address may begin with a header.
func (a *acceptor) isProxy(addr netip.Addr) bool { return origin.Among(addr, a.proxies) }

// readHeader reads the header of a proxied connection, and what came with it is read
// next. It reports false, and what read returns, if the authentication message can't be
// read yet, or not at all.
func (a *acceptor) readHeader(p *pendingConn) (now state, ok bool) {
	c := p.conn
	for range maxAuthReads {
		came, _, errno := c.receive(a.system, a.message[:])
		switch {
		case errno == syscall.EAGAIN:
			return pending, false
		case errno != 0:
			return a.end(c, causeErrno("read", errno)), false
		case came == 0 && len(p.header) > 0:
			return a.end(c, causeInHeader), false
		case came == 0:
			return a.end(c, causeEnd), false
		}
		p.header = append(p.header, a.message[:came]...)
		h, err := proxyproto.Parse(p.header)
		switch err {
		case proxyproto.ErrIncomplete:
			continue
		case nil, proxyproto.ErrNone: // which has no size
		default:
			return a.end(c, causeHeader(err)), false
		}
		if rest := p.header[h.Size:]; len(rest) > 0 {
			c.makePartial(a.system).frames.received = rest
		}
		a.locate(p, h.Client)
		if !a.mayConnect(c) {
			return closed, false
		}
		if why, isKnown := a.refusesAll(); isKnown {
			return a.end(c, why), false
		}
		return pending, true
	}
	return pending, false
}

// locate sets the address of a proxied connection's client, if it has one, for which the
// connection counts from now on.
func (a *acceptor) locate(p *pendingConn, client netip.AddrPort) {
	inAll, inLate := p.inAll != nil, p.inLate != nil
	a.removeFromSets(p)
	p.proxied, p.header = false, nil
	if client.IsValid() {
		p.conn.Addr = client
	}
	if inAll {
		p.inAll = a.all.add(p)
	}
	if inLate {
		p.inLate = a.late.add(p)
	}
}
