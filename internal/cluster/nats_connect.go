package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How a connection is watched. Two pings without an answer, or a write that waits for longer than
// writeWait, end it; then the next server is tried.
const (
	dialWait  = 3 * time.Second
	pingEvery = 2 * time.Second
	maxPings  = 2
	writeWait = 5 * time.Second
	retryWait = 500 * time.Millisecond // between two rounds through all servers, and as much again at random
)

// minPayload is the max_payload that a server of NATS has to have.
const minPayload = 1 << 20

// A NATSConfig says where NATS is, and which stream there is the cluster's.
type NATSConfig struct {
	URLs     []string // nats://, tls:// or wss://, with user and password if need be
	Settings Settings // of the stream

	Label       string // by which operators of NATS recognize the connection
	Credentials string // file with a JWT and its key, as nsc writes it; "" for none
	NKey        string // file with the seed of an NKey; "" for none

	CA        string // file with the certificates of authorities; "" for the system's
	Cert, Key string // files with the certificate that is presented, and its key; "" for none

	// Event is told when the connection is lost and why, when it is there again, each once, and what
	// NATS refuses; not that it was closed. It is called by one goroutine at a time and must not block. It may be nil.
	Event func(ConnEvent)
}

// A ConnEvent says that the connection to NATS was lost, or that it is there again, or that
// NATS refused something.
type ConnEvent struct {
	Connected bool
	Server    string // the URL of the server of NATS, without a password; "" if there is none
	Err       error  // why it was lost, why an attempt to connect again failed, or what was refused; may be nil
}

// A ConnState is how the connection is.
type ConnState struct {
	ConnEvent
	Since time.Time // since when it has been connected, or has not been
}

// NATS is the stream of a cluster on NATS JetStream. Its methods may be called by any number
// of goroutines. It connects again by itself, for ever, and buffers nothing meanwhile: what is asked for
// while there is no connection fails with ErrAway.
type NATS struct {
	config   NATSConfig
	conn     *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.Stream // whose settings as known here never change, so that it always asks the leader
	warnings []Difference

	heartbeat time.Duration // of readers; short in tests

	mu       sync.Mutex
	state    ConnState
	refused  refusal
	silences silences
	leaving  error // why the connection is given up; nil: it is not
	closed   bool
	life     context.Context // ends when the connection is lost; then there is the next one
	lose     context.CancelCauseFunc
}

// A refusal is the last thing that NATS did not permit. NATS says so beside the answers, and
// the request itself gets none.
type refusal struct {
	at  time.Time
	err error
}

// dial connects to one of the servers, or returns why none could be reached.
func dial(config NATSConfig) (*NATS, error) {
	places, err := config.normalized()
	if err != nil {
		return nil, err
	}
	var full, shown []string
	for _, u := range places {
		full, shown = append(full, u.String()), append(shown, u.Redacted())
	}
	n := &NATS{config: config, heartbeat: pullHeartbeat}
	n.life, n.lose = context.WithCancelCause(context.Background())
	options, err := config.options()
	if err != nil {
		return nil, err
	}
	options = append(
		options,
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { n.lost(err) }),
		nats.ReconnectHandler(func(c *nats.Conn) { n.change(ConnEvent{Connected: true, Server: c.ConnectedUrlRedacted()}) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { n.change(ConnEvent{Err: readable(err)}) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.complaint(err) }),
	)
	conn, err := nats.Connect(strings.Join(full, ","), options...)
	if errors.Is(err, nats.ErrNoServers) {
		return nil, fmt.Errorf("no server of NATS answers at %s", strings.Join(shown, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", strings.Join(shown, ", "), readable(err))
	}
	n.conn = conn
	n.change(ConnEvent{Connected: true, Server: conn.ConnectedUrlRedacted()})
	if size := conn.MaxPayload(); size < minPayload {
		n.Close()
		return nil, fmt.Errorf("max_payload of NATS is %d, which is too small for the messages of a cluster; set max_payload: %d in its configuration", size, minPayload)
	}
	n.js, err = jetstream.New(conn)
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// options returns those of the connection that do not depend on a NATS.
func (c *NATSConfig) options() ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(c.Label),
		nats.Timeout(dialWait),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(maxPings),
		nats.FlusherTimeout(writeWait),
		nats.ReconnectOnFlusherError(),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(retryWait),
		nats.ReconnectJitter(retryWait, retryWait),
		nats.ReconnectBufSize(-1), // or else a publish could be sent long after it failed
		nats.IgnoreAuthErrorAbort(),
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.NKey != "" {
		option, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("the NKey in %s: %w", c.NKey, err)
		}
		options = append(options, option)
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	return options, nil
}

// normalized returns the URLs as the library wants them, or which one is none.
func (c *NATSConfig) normalized() ([]*url.URL, error) {
	var places []*url.URL
	for i, place := range c.URLs {
		if !strings.Contains(place, "://") {
			place = "nats://" + place
		}
		u, err := url.Parse(place)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("address %d of NATS is no URL like nats://host:4222", i+1) // it may have a password
		}
		places = append(places, u)
	}
	if len(places) == 0 {
		return nil, errors.New("no address of NATS is given")
	}
	return places, nil
}

// State returns how the connection is.
func (n *NATS) State() ConnState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// Close ends the connection. Calls under way return an error.
func (n *NATS) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.conn.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose(ErrAway)
}

// lost ends the calls that wait for answers, which may have been lost with the connection.
func (n *NATS) lost(err error) {
	n.mu.Lock()
	err = cmp.Or(n.leaving, err, nats.ErrDisconnected)
	n.leaving, n.silences.of = nil, [kinds]silence{}
	n.lose(fmt.Errorf("%w: %w", ErrAway, err))
	n.life, n.lose = context.WithCancelCause(context.Background())
	n.mu.Unlock()
	n.change(ConnEvent{Err: readable(err)})
}

// change takes how the connection is now. Each failed attempt to connect again says why it failed,
// which is no change.
func (n *NATS) change(e ConnEvent) {
	n.mu.Lock()
	isChange := n.state.Since.IsZero() || e.Connected != n.state.Connected
	if isChange {
		n.state.Since = time.Now()
	}
	n.state.ConnEvent = e
	isTold := isChange && !n.closed
	n.mu.Unlock()
	if isTold {
		n.tell(e)
	}
}

// complaint takes what NATS says beside the answers.
func (n *NATS) complaint(err error) {
	n.mu.Lock()
	if errors.Is(err, nats.ErrPermissionViolation) {
		n.refused = refusal{at: time.Now(), err: err}
	}
	e := n.state.ConnEvent
	n.mu.Unlock()
	e.Err = readable(err)
	n.tell(e)
}

func (n *NATS) tell(e ConnEvent) {
	if n.config.Event != nil {
		n.config.Event(e)
	}
}

// within returns a context that ends with ctx and when the connection is lost.
func (n *NATS) within(ctx context.Context) (context.Context, context.CancelFunc) {
	n.mu.Lock()
	life := n.life
	n.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	return ctx, func() { stop(); cancel(nil) }
}
