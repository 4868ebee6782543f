package command

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	epochs    epochs
	serving   sync.WaitGroup
	stop      context.CancelFunc
}

// epochs are those of the room's numbers.
type epochs struct{ current uint64 }

func (e epochs) known(s gateway.Since) uint64 {
	if s.Epoch == e.current {
		return s.Number
	}
	return 0
}

// openWeb takes the page's port.
func openWeb(ctx context.Context, o serveOptions, s *server.Server, logger *slog.Logger) (*website, error) {
	w := &website{epochs: epochs{rand.Uint64()}}
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
				Epoch:     w.epochs.current,
				Known:     w.epochs.known(c.Since),
				Received:  c.Received,
			})
		},
		Subprotocol: server.Subprotocol,
		Origins:     o.web.origins(),
		Proxies:     o.web.proxies,
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

// start begins to serve the page.
func (w *website) start(o serveOptions, logger *slog.Logger) {
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
			Key:     o.key,
			History: o.history,
			Replay:  o.replay,
			Logger:  logger,
		})
	})
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
		invitation: invitation{port: o.web.at.port, bound: w.bound, own: ownAddresses()},
		urls:       o.web.urls,
		key:        o.key,
		hideKey:    o.hidesKeys(),
	}.show(p.Stderr, p.errIsTerminal && obeysSequences(p) && wantsColours(p))
}
