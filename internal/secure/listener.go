//go:build linux

package secure

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sop-chat/internal/limit"
)

// A Client is a client's connection, which is over TLS.
type Client struct {
	// FD is the server's end of a socket pair with the plain bytes. It does not block.
	FD int
	// Peer is the client's address.
	Peer netip.AddrPort
}

// Listener returns a listener of a terminator for clients that speak no HTTP, to be given
// to Serve. It accepts from one of TCP.
func (t *Terminator) Listener(inner net.Listener) net.Listener {
	return t.listen(t.limiter.Listener(inner))
}

// http11 is the protocol that HTTPS agrees to.
const http11 = "http/1.1"

// HTTPS returns a listener of a terminator for HTTP/1.1, for net/http. It accepts from one
// of a limit.Limiter.
func (t *Terminator) HTTPS(inner net.Listener) net.Listener {
	return t.listen(inner, http11)
}

// Serve hands the clients of a listener over until it is closed. From then on adopt owns
// the client's descriptor.
func (t *Terminator) Serve(l net.Listener, adopt func(Client)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p, err := t.NewPipe()
		if err != nil {
			t.config.Logger.Warn("can't let a client in", "address", c.RemoteAddr(), "reason", err)
			c.(*tls.Conn).NetConn().(*conn).Reset()
			continue
		}
		peer := peerOf(c)
		adopt(Client{FD: p.Start(c), Peer: peer})
	}
}

// A listener is one whose connections have completed the handshake. Handshakes go on at
// the same time, so that no client waits for another.
type listener struct {
	inner      net.Listener
	terminator *Terminator
	config     *tls.Config
	protocols  []string // that it agrees to
	ready      chan net.Conn
	done       chan struct{} // closed by Close
	serving    sync.WaitGroup

	mu    sync.Mutex
	begun map[*conn]struct{} // guarded by mu; whose handshakes are not complete; nil when closed
}

func (t *Terminator) listen(inner net.Listener, protocols ...string) net.Listener {
	l := &listener{
		inner:      inner,
		terminator: t,
		config:     t.tls(protocols),
		protocols:  protocols,
		ready:      make(chan net.Conn),
		done:       make(chan struct{}),
		begun:      make(map[*conn]struct{}),
	}
	l.serving.Go(l.serve)
	return l
}

// Accept returns a connection of type *tls.Conn.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return l.inner.Addr() }

// Close ends the handshakes that are under way, too.
func (l *listener) Close() error {
	l.mu.Lock()
	if l.begun == nil {
		l.mu.Unlock()
		return net.ErrClosed
	}
	close(l.done)
	err := l.inner.Close()
	for c := range l.begun {
		c.Conn.Close()
	}
	l.begun = nil
	l.mu.Unlock()
	l.serving.Wait()
	return err
}

// acceptPause is how long nothing is accepted after that failed.
const acceptPause = 100 * time.Millisecond

// serve accepts connections until the inner listener is closed.
func (l *listener) serve() {
	reported := false
	for {
		accepted, err := l.inner.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !reported {
				l.terminator.config.Logger.Warn("can't accept TLS connections; new ones wait until some end", "reason", err)
			}
			reported = true
			select {
			case <-l.done:
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		reported = false
		c, err := newConn(accepted.(*limit.Conn))
		if err != nil || !l.begin(c) {
			accepted.Close()
			continue
		}
		l.serving.Go(func() { l.handshake(c) })
	}
}

// begin notes that a handshake has begun, and reports false if the listener is closed.
func (l *listener) begin(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun == nil {
		return false
	}
	l.begun[c] = struct{}{}
	return true
}

// handshake completes a handshake, and has the connection be accepted.
func (l *listener) handshake(c *conn) {
	t := l.terminator
	c.Conn.SetDeadline(time.Now().Add(t.config.HandshakeTimeout))
	secure := tls.Server(c, l.config)
	c.gate = t.gate
	c.gate.enter()
	err := secure.Handshake()
	c.gate.leave()
	c.gate = nil
	l.mu.Lock()
	delete(l.begun, c)
	l.mu.Unlock()
	if err != nil {
		l.refuse(c, err)
		return
	}
	if agreed := secure.ConnectionState().NegotiatedProtocol; agreed != "" && !slices.Contains(l.protocols, agreed) {
		c.Close()
		return
	}
	c.Conn.SetDeadline(time.Time{})
	select {
	case l.ready <- secure:
	case <-l.done:
		c.Close()
	}
}

// refuse ends a connection whose handshake failed.
func (l *listener) refuse(c *conn, err error) {
	defer c.Close()
	peer := peerOf(c)
	header, notTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		l.terminator.config.Logger.Debug("a TLS connection ended before its handshake was complete", "address", peer)
		return
	case notTLS && slices.Contains(l.protocols, http11) && isHTTP(header.RecordHeader):
		answerPlain(c)
	}
	l.terminator.config.Logger.Info("a TLS handshake failed", "address", peer, "reason", inWords(err, l.terminator.config.HandshakeTimeout))
}

func peerOf(c net.Conn) netip.AddrPort {
	at, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
