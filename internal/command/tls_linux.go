package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"sop-chat/internal/gateway"
	"sop-chat/internal/secure"
	"sop-chat/internal/server"
)

// A tlsPort is where clients join over TLS, if --tls says so, and what ends TLS for the
// page.
type tlsPort struct {
	listeners  []net.Listener
	bound      []netip.Addr
	names      []string           // that the certificate is for
	terminator *secure.Terminator // nil if there is no certificate
	serving    sync.WaitGroup
}

// openTLS reads the certificate and takes the port of --tls.
func openTLS(ctx context.Context, o serveOptions, full int, logger *slog.Logger) (*tlsPort, error) {
	t := &tlsPort{}
	if !o.certs.areSet() {
		return t, nil
	}
	certificate, err := o.certs.load()
	if err != nil {
		return nil, err
	}
	authorities, err := o.tls.loadClientCA()
	if err != nil {
		return nil, err
	}
	t.names = certificate.names
	t.terminator = secure.New(secure.Config{
		Configure:        certificate.configure,
		ClientCAs:        authorities,
		HandshakeTimeout: o.authTimeout,
		PeerTimeout:      peerTimeout,
		Full:             full,
		Logger:           logger,
	})
	if o.tls.at.port == 0 {
		return t, nil
	}
	t.bound, err = listenAll(ctx, o.tls.at.host, o.tls.at.port, func(at netip.AddrPort) error {
		l, err := listenTCP(ctx, at)
		if err == nil {
			t.listeners = append(t.listeners, l)
		}
		return err
	})
	if err != nil {
		t.close()
		return nil, fmt.Errorf("--tls: %w", err)
	}
	return t, nil
}

// start begins to let clients in.
func (t *tlsPort) start(s *server.Server) {
	for i, inner := range t.listeners {
		l := t.terminator.Listener(inner)
		t.listeners[i] = l
		t.serving.Go(func() {
			t.terminator.Serve(l, func(c secure.Client) {
				s.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Peer.Addr()})
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

// newPipe returns what gives the page's connections over TLS to the server.
func (t *tlsPort) newPipe() (gateway.Pipe, error) { return t.terminator.NewPipe() }

// invitation says how to join over TLS.
func (t *tlsPort) invitation(o serveOptions) invitation {
	return invitation{
		port: o.tls.at.port, bound: t.bound, own: ownAddresses(), maxClients: o.maxClients, rooms: o.rooms,
		personal: o.personalOnly, isTLS: true, names: publicNames(t.names),
	}
}
