package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"sop-chat/internal/gateway"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/server"
	"sop-chat/internal/web"
)

// A website is the page and its WebSockets, if --web says so.
type website struct {
	listeners []net.Listener
	bound     []netip.Addr
	gateway   *gateway.Gateway
	serving   sync.WaitGroup
	stop      context.CancelFunc
}

// openWeb takes the page's port.
func openWeb(ctx context.Context, o serveOptions, s *server.Server, logger *slog.Logger) (*website, error) {
	w := &website{}
	if o.web.at.port == 0 {
		return w, nil
	}
	var err error
	w.bound, err = listenAll(ctx, o.web.at.host, o.web.at.port, func(at netip.AddrPort) error { return w.listen(ctx, at) })
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
				Received:  c.Received,
			})
		},
		Subprotocol: server.Subprotocol,
		Origins:     o.web.origins(),
		Proxies:     o.proxies,
		Logger:      logger,
	})
	return w, nil
}

func (w *website) listen(ctx context.Context, at netip.AddrPort) error {
	address := at.String()
	if at.Addr() == netip.IPv6Unspecified() {
		address = fmt.Sprintf(":%d", at.Port()) // of IPv4 too, and of that alone where there is no IPv6
	}
	config := net.ListenConfig{Control: netpoll.PrepareListener}
	config.SetMultipathTCP(false) // whose connections don't inherit that
	l, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		w.listeners = append(w.listeners, l)
	}
	return err
}

// start begins to serve the page. room is web.Config's.
func (w *website) start(o serveOptions, room func(context.Context, netip.Addr, string) (web.Room, error), logger *slog.Logger) {
	if w.gateway == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.serving.Go(func() {
		web.Serve(ctx, w.listeners, web.Config{
			Gateway: w.gateway,
			URLs:    o.web.urls,
			Names:   o.web.names(o.bind),
			Room:    room,
			History: o.history,
			Replay:  o.replay,
			Logger:  logger,
		})
	})
}

// closeFirst returns a context that is done when ctx is done and the page has ended. So
// browsers that come back at once, when the server has told them that it stops, are not
// let in for a moment, which to them looks as if the key was wrong.
func (w *website) closeFirst(ctx context.Context) context.Context {
	closed, done := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		w.close()
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
		invitation: invitation{port: o.web.at.port, bound: w.bound, own: ownAddresses(), rooms: o.rooms, personal: o.personalOnly},
		urls:       o.web.urls,
		roomKey:    o.key,
		hideKey:    o.linkHidesKey(p) || o.personalOnly,
	}.show(p.Stderr, p.errIsTerminal && obeysSequences(p) && wantsColours(p))
}
