//go:build linux

// Package gateway is for clients that can't open a TCP connection, such as
// browsers: it turns a WebSocket into what the server knows, a descriptor that
// carries messages of 512 bytes, and copies between the two. The messages travel as
// they are, in binary frames, the authentication and its echo included.
//
// It knows how long a message is and nothing of what is in it. It knows no rooms
// and no pages. It is the only package that knows the WebSocket library.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A Config says how a gateway lets clients in.
type Config struct {
	// Adopt takes the server's end of a client, a stream socket that does not
	// block, and the client's address. See server.Adopt.
	Adopt func(fd int, peer netip.AddrPort)
	// Origins are those whose pages may connect, besides the host that was
	// connected to: a host, or a scheme and a host, such as
	// https://chat.example.com.
	Origins []string
	// Proxies are the addresses of reverse proxies whose word about a client's
	// address is taken (X-Forwarded-For).
	Proxies []netip.Prefix
	// PingEvery is how often a client is asked whether it is there, and how
	// long it has to answer; 0 is half a minute. Some proxies close what is
	// silent for a minute.
	PingEvery time.Duration
	// PeerTimeout is how long a client may take nothing although there is
	// something, before it is taken for dead; 0 is two minutes.
	PeerTimeout time.Duration
	// MaxPending is how many of the connections that Listener counts may belong
	// to no member, and MaxPendingPerAddress how many of them one address may
	// have. 0 is 1,024, or an eighth of the descriptors that the process may
	// have if that is less, and a quarter of all.
	MaxPending, MaxPendingPerAddress int
	// Logger takes diagnostics; nil discards them.
	Logger *slog.Logger
}

// A Gateway is an HTTP handler that turns WebSockets into clients of a server.
// Its methods may be called by any goroutine.
type Gateway struct {
	config   Config
	ctx      context.Context // ends all clients
	end      context.CancelFunc
	mu       sync.Mutex
	closed   bool
	limiter  *limiter
	warnings limitedLog
	running  sync.WaitGroup // two for each client
}

// New returns a gateway.
func New(c Config) *Gateway {
	if c.PingEvery == 0 {
		c.PingEvery = 30 * time.Second
	}
	if c.PeerTimeout == 0 {
		c.PeerTimeout = 2 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{config: c}
	g.limiter = newLimiter(c, g.trusts)
	g.warnings.logger = c.Logger
	g.ctx, g.end = context.WithCancel(context.Background())
	return g
}

// Limit has a server tell the gateway of its requests. It has to be called
// before the server serves.
func (g *Gateway) Limit(s *http.Server) {
	handler := s.Handler
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connOf{}, c)
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.limiter.touch(connFrom(r))
		handler.ServeHTTP(w, r)
	})
}

// Listener returns a listener for the servers of Limit, which bounds what it
// accepts, see Config.
func (g *Gateway) Listener(l net.Listener) net.Listener { return listener{l, g.limiter} }

// connFrom returns a request's connection.
func connFrom(r *http.Request) *conn {
	return r.Context().Value(connOf{}).(*conn)
}

// ServeHTTP accepts a WebSocket from a server of Limit, and hands the chat
// server a client. It returns at once; the client lives on.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer := g.Peer(r)
	pair, fd, err := socketPair()
	if err != nil {
		g.warnings.log(slog.LevelWarn, "can't let a browser in", "reason", err)
		http.Error(w, "the server has no room for another connection; try again later", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: literal(g.config.Origins)})
	if err != nil { // and the client was told
		g.LogRefusal(r, err)
		pair.Close()
		closeFD(fd)
		return
	}
	c := &client{ws: ws, conn: connFrom(r), pair: pair, peer: peer.Addr()}
	c.timeout.ping, c.timeout.peer = g.config.PingEvery, g.config.PeerTimeout
	g.limiter.add(c.conn, c.peer) // which may not be the address it was counted for so far
	if !g.start(c) {
		ws.CloseNow()
		pair.Close()
		closeFD(fd)
		return
	}
	g.config.Adopt(fd, peer)
}

// LogRefusal logs that a request was refused, and why. Of many within a short
// time it logs some, and the number of the others.
func (g *Gateway) LogRefusal(r *http.Request, reason error) {
	g.warnings.log(slog.LevelInfo, "a browser was refused", "address", g.Peer(r), "reason", reason)
}

// start begins to copy, unless the gateway is closed.
func (g *Gateway) start(c *client) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	c.start(g.ctx, &g.running)
	return true
}

// Close lets nobody in any more, and waits until all clients have ended, as
// they do when the server has closed its ends of them. What is left after some
// patience ends without a farewell.
func (g *Gateway) Close(patience time.Duration) {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	impatience := time.AfterFunc(patience, g.end)
	defer impatience.Stop()
	g.running.Wait()
	g.end()
}

// literal returns patterns of path.Match that match origins as they are.
func literal(origins []string) []string {
	escape := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
	patterns := make([]string, len(origins))
	for i, origin := range origins {
		patterns[i] = escape.Replace(origin)
	}
	return patterns
}
