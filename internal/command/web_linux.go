package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"sop-chat/internal/gateway"
	"sop-chat/internal/limit"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
	"sop-chat/internal/web"
)

// A website is the page and its WebSockets, if --web says so.
type website struct {
	listeners []net.Listener
	bound     []netip.Addr
	requests  limit.Requests
	gateway   *gateway.Gateway
	tls       *tlsPort // ends TLS, if there is a certificate
	serving   sync.WaitGroup
	stop      context.CancelFunc
}

// openWeb takes the page's port.
func openWeb(ctx context.Context, o serveOptions, handed *handedSockets, s *server.Server, t *tlsPort, origins *origin.Table, logger *slog.Logger) (*website, error) {
	w := &website{tls: t}
	if o.web.at.port == 0 {
		return w, nil
	}
	var err error
	w.bound, err = handed.listen(ctx, webSocket, o.web.at, " of the page", func(l net.Listener) { w.listeners = append(w.listeners, l) })
	if err != nil {
		w.close()
		return nil, fmt.Errorf("--web: %w", err)
	}
	w.gateway = gateway.New(gateway.Config{
		Adopt: func(c gateway.Client) {
			s.Adopt(server.Adopted{
				FD:        c.FD,
				Peer:      c.Peer,
				Remote:    c.Remote,
				WebSocket: true,
				Numbered:  c.Agreed,
				Has:       server.Since(c.Since),
				Screened:  true,
				Received:  c.Received,
			})
		},
		NewPipe:     t.newPipe,
		Subprotocol: server.Subprotocol,
		Origins:     o.web.origins(),
		Proxies:     o.proxies,
		Addresses:   origins,
		Logger:      logger,
	})
	return w, nil
}

// listenTCP returns a listener whose connections can be handed to the server.
func listenTCP(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	address := at.String()
	if at.Addr() == netip.IPv6Unspecified() {
		address = fmt.Sprintf(":%d", at.Port()) // of IPv4 too, and of that alone where there is no IPv6
	}
	config := net.ListenConfig{Control: netpoll.PrepareListener}
	config.SetMultipathTCP(false) // whose connections don't inherit that
	return config.Listen(ctx, "tcp", address)
}

// start begins to serve the page. room and hook are web.Config's.
func (w *website) start(o serveOptions, room func(context.Context, netip.Addr, string) (web.Room, error),
	hook func(context.Context, netip.Addr, string) (web.Hook, error), origins *origin.Table, logger *slog.Logger,
) {
	if w.gateway == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	var https func(net.Listener) net.Listener
	if w.isHTTPS() {
		https = w.tls.terminator.HTTPS
	}
	w.serving.Go(func() {
		web.Serve(ctx, w.listeners, web.Config{
			Gateway:   w.gateway,
			URLs:      o.web.urls,
			HTTPS:     https,
			Names:     append(o.web.names(o.bind), w.tls.names()...),
			Room:      room,
			Hook:      hook,
			Addresses: origins,
			History:   o.history,
			Replay:    o.replay,
			Requests:  &w.requests,
			Logger:    logger,
		})
	})
}

// isHTTPS reports whether the page is served over TLS.
func (w *website) isHTTPS() bool { return w.tls.terminator != nil }

// closeFirst returns a context that is done when ctx is done and close has returned. So
// clients that come back at once, when the server has told them that it stops, are not
// let in for a moment, which to them looks as if the key was wrong.
func closeFirst(ctx context.Context, close func()) context.Context {
	closed, done := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		close()
		done()
	})
	return closed
}

// close ends the page.
func (w *website) close() {
	if w.stop == nil {
		for _, l := range w.listeners {
			l.Close()
		}
		return
	}
	w.stop()
	w.serving.Wait()
}

// invite says how to join from a browser.
func (w *website) invite(o serveOptions, p Process) {
	if w.gateway == nil {
		return
	}
	webInvitation{
		invitation: invitation{
			port: o.web.at.port, bound: w.bound, own: ownAddresses(), rooms: o.rooms, personal: o.personalOnly, names: publicNames(w.tls.names()),
		},
		urls:    o.web.urls,
		roomKey: o.key,
		hideKey: o.linkHidesKey(p) || o.personalOnly,
		isHTTPS: w.isHTTPS(),
	}.show(p.Stderr, p.errIsTerminal && obeysSequences(p) && wantsColours(p))
}
