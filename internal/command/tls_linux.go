package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"sop-chat/internal/certs"
	"sop-chat/internal/gateway"
	"sop-chat/internal/limit"
	"sop-chat/internal/origin"
	"sop-chat/internal/secure"
	"sop-chat/internal/server"
)

// A tlsPort is where clients join over TLS, if --tls says so, and what ends TLS for the
// page.
type tlsPort struct {
	listeners   []net.Listener
	bound       []netip.Addr
	certificate certSource         // nil if there is none
	terminator  *secure.Terminator // nil if there is no certificate
	serving     sync.WaitGroup
}

// openTLS reads the certificate and takes the port of --tls.
func openTLS(ctx context.Context, o serveOptions, p Process, handed *handedSockets, origins *origin.Table, full int, logger *slog.Logger) (*tlsPort, error) {
	t := &tlsPort{}
	if !o.certs.areSet() {
		return t, nil
	}
	authorities, err := o.tls.loadClientCA()
	if err != nil {
		return nil, err
	}
	if t.certificate, err = o.certs.open(ctx, []uint16{o.tls.at.port, o.web.at.port}, handed.listenHTTP, p, logger); err != nil {
		return nil, err
	}
	t.terminator = secure.New(secure.Config{
		Configure:        func(c *tls.Config) *tls.Config { return certs.Configure(c, t.certificate) },
		ClientCAs:        authorities,
		HandshakeTimeout: o.authTimeout,
		PeerTimeout:      peerTimeout,
		Full:             full,
		Logger:           logger,
	})
	if o.tls.at.port == 0 {
		return t, nil
	}
	mayConnect := func(addr netip.Addr) bool { // or those that are banned would cost a handshake
		v, _ := origins.Connect(addr, time.Now())
		if v != origin.Pass {
			logger.Info("a TLS connection was refused", "address", addr, "reason", v)
		}
		return v == origin.Pass
	}
	t.bound, err = handed.listen(ctx, tlsSocket, o.tls.at, " of TLS", func(l net.Listener) {
		t.listeners = append(t.listeners, limit.Screen(l, mayConnect))
	})
	if err != nil {
		t.close()
		return nil, fmt.Errorf("--tls: %w", err)
	}
	return t, nil
}

// names returns the hosts and addresses that the certificate is for.
func (t *tlsPort) names() []string {
	if t.certificate == nil {
		return nil
	}
	return t.certificate.Names()
}

// keep keeps the certificate up to date until stop is called. The step has it read again.
func (t *tlsPort) keep(ctx context.Context) (step reloadStep, stop func()) {
	if t.certificate == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { t.certificate.Run(ctx) })
	step = func() []*reloadError {
		if err := t.certificate.Reload(); err != nil {
			return []*reloadError{{what: "the certificate stays as it is", err: err}}
		}
		return nil
	}
	return step, func() {
		cancel()
		keeping.Wait()
	}
}

// start begins to let clients in.
func (t *tlsPort) start(s *server.Server) {
	for i, inner := range t.listeners {
		l := t.terminator.Listener(inner)
		t.listeners[i] = l
		t.serving.Go(func() {
			t.terminator.Serve(l, func(c secure.Client) {
				s.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Peer.Addr(), Screened: true})
			})
		})
	}
}

// stopAccepting closes the port.
func (t *tlsPort) stopAccepting() {
	for _, l := range t.listeners {
		l.Close()
	}
	t.serving.Wait()
}

// close closes the port, and then waits for clients that have yet to receive something,
// also of the page. It is called when the server has ended.
func (t *tlsPort) close() {
	t.stopAccepting()
	if t.terminator != nil {
		t.terminator.Close()
	}
}

// farewellTimeout is for how long clients over TLS may take what was sent to them, before
// the server is replaced by another program. The other members wait meanwhile.
const farewellTimeout = 300 * time.Millisecond

// endUnpassed ends what can't be passed on to another program, while the server is frozen:
// the clients over TLS are told that the server restarts, and come back.
func (t *tlsPort) endUnpassed(s *server.Server) {
	if t.terminator != nil {
		s.EndUnpassed()
		t.terminator.WaitSent(time.Now().Add(farewellTimeout))
	}
}

// newPipe returns what gives the page's connections over TLS to the server.
func (t *tlsPort) newPipe() (gateway.Pipe, error) { return t.terminator.NewPipe() }

// invitation says how to join over TLS.
func (t *tlsPort) invitation(o serveOptions) invitation {
	return invitation{
		port: o.tls.at.port, bound: t.bound, own: ownAddresses(), maxClients: o.maxClients, rooms: o.rooms,
		personal: o.personalOnly, isTLS: true, names: publicNames(t.names()),
	}
}
