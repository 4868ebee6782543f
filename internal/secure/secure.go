//go:build linux

// Package secure ends TLS for the server: crypto/tls speaks to the client, and the plain
// bytes come out of one end of a socket pair, which the server treats like any other
// connection.
//
//	client ══TLS══ TCP socket │ Pipe │ socket pair ── server
//
// It knows TLS, sockets and descriptors, and nothing of rooms, messages or frames.
package secure

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"sop-chat/internal/limit"
)

// A Config says how TLS is ended.
type Config struct {
	// Configure returns a configuration that has the server's certificates, too. If it
	// agrees to protocols (ALPN) that the given one has not, a connection with one of
	// them is closed after the handshake.
	Configure func(*tls.Config) *tls.Config
	// ClientCAs are those by one of which a client's certificate has to be signed; nil
	// if clients need none.
	ClientCAs *x509.CertPool
	// HandshakeTimeout is how long a handshake may take.
	HandshakeTimeout time.Duration
	// PeerTimeout is for how long data may be unacknowledged before the kernel gives
	// its receiver up; 0 is the kernel's own rule.
	PeerTimeout time.Duration
	// Full is the lowest descriptor that is not for connections; 0 if there is none.
	Full int
	// MaxPending is how many connections to the listeners of Serve there may be whose
	// handshake is not complete, and MaxPendingPerAddress how many of them one address
	// may have, see limit.Config.
	MaxPending, MaxPendingPerAddress int
	// Logger takes diagnostics.
	Logger *slog.Logger

	overdue, closing time.Duration // overdueTimeout and closeTimeout, unless a test sets them
}

// A Terminator ends TLS. Its methods may be called by any goroutine.
type Terminator struct {
	config  Config
	limiter *limit.Limiter
	gate    gate
	stop    chan struct{} // closed by Close

	mu      sync.Mutex
	pipes   map[*Pipe]struct{} // guarded by mu; those that have been started
	closed  bool               // guarded by mu
	running sync.WaitGroup     // the pipes and the watch
}

// New returns a terminator, which has to be closed.
func New(c Config) *Terminator {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.overdue = cmp.Or(c.overdue, overdueTimeout)
	c.closing = cmp.Or(c.closing, closeTimeout)
	t := &Terminator{
		config:  c,
		limiter: limit.New(limit.Config{InAll: c.MaxPending, PerAddress: c.MaxPendingPerAddress}),
		gate:    make(gate, max(1, runtime.GOMAXPROCS(0)/2)),
		stop:    make(chan struct{}),
		pipes:   make(map[*Pipe]struct{}),
	}
	if c.PeerTimeout > 0 {
		t.running.Go(t.watch)
	}
	return t
}

// tls returns the configuration for clients that speak one of some protocols.
func (t *Terminator) tls(protocols []string) *tls.Config {
	c := &tls.Config{
		NextProtos: protocols,
		// What is to be sent is there at once, and not computed bit by bit. Small
		// records would only cost more system calls.
		DynamicRecordSizingDisabled: true,
	}
	if t.config.ClientCAs != nil {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, t.config.ClientCAs
	}
	return t.config.Configure(c)
}

// closeTimeout is how long Close waits for clients that are slow to take what is due.
const closeTimeout = 5 * time.Second

// Close waits until the clients have been sent what the server wrote to them before it
// closed their connections, for some seconds at most. Then it resets the others. It has
// to be called when the server has ended.
func (t *Terminator) Close() {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	t.closed = true
	t.mu.Unlock()
	close(t.stop)
	done := make(chan struct{})
	go func() {
		t.running.Wait()
		close(done)
	}()
	late := time.NewTimer(t.config.closing)
	defer late.Stop()
	select {
	case <-done:
		return
	case <-late.C:
	}
	t.mu.Lock()
	for p := range t.pipes {
		p.abort()
	}
	t.mu.Unlock()
	<-done
}

// WaitSent waits until all clients have been sent what the server wrote to them before it
// ended their streams, and the end of TLS, or until a time.
func (t *Terminator) WaitSent(until time.Time) {
	const interval = time.Millisecond
	for !t.haveSent() && time.Now().Before(until) {
		time.Sleep(interval)
	}
}

// haveSent reports whether nothing more is sent to any client.
func (t *Terminator) haveSent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.pipes {
		if !p.sent.Load() {
			return false
		}
	}
	return true
}

// add counts a pipe that is to be started, and reports whether it may be.
func (t *Terminator) add(p *Pipe) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.pipes[p] = struct{}{}
	t.running.Add(1)
	return true
}

// remove removes a pipe that has ended.
func (t *Terminator) remove(p *Pipe) {
	t.mu.Lock()
	delete(t.pipes, p)
	t.mu.Unlock()
	t.running.Done()
}
