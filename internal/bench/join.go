package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"sop-chat/internal/english"
)

// maxAttempts is how many connections are made at the same time: as many as
// the server lets one address have that has not given a key yet.
const maxAttempts = 16

// A RefusedError says that a server closed a connection instead of letting the
// client in, which it does without a word.
type RefusedError struct {
	Server          string // which of several did; empty is the only one
	Joined, Clients int    // how many it let in, of how many
}

func (e *RefusedError) Error() string {
	name := strings.TrimRight("the server "+e.Server, " ")
	if e.Joined == 0 {
		return name + " let nobody in: the key is wrong, or the room is full"
	}
	return fmt.Sprintf("%s let in %d of %s and closed the next", name, e.Joined, english.Count(e.Clients, "client"))
}

// An admission has all connections join. It is the transport's handler until then.
type admission struct {
	config    *Config
	transport transport
	servers   []tally // of each server
	all       int
	begun     int
	joined    int
	refused   int // the server that refused a client first, or nobody; others may yet be let in
	waiting   map[int]*attempt
	advanced  time.Time // when something last went well
}

// A tally says how many connections to a server were begun, and how many of them it let
// in.
type tally struct{ begun, joined int }

// An attempt is a connection that is about to join.
type attempt struct{ hello, answer []byte }

var _ numberHandler = (*admission)(nil)

// join connects all clients and returns when the server has let them in.
func join(ctx context.Context, c *Config, t transport) error {
	e := &admission{
		config: c, transport: t, servers: make([]tally, len(c.Servers)), refused: nobody, all: c.connections(),
		waiting: make(map[int]*attempt), advanced: time.Now(),
	}
	report := reporter{to: c.Progress}
	for e.joined < e.all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Since(e.advanced) > joinPatience {
			return fmt.Errorf("the server lets nobody in any more: after %d of %s nothing came for %v",
				e.joined, english.Count(e.all, "client"), joinPatience)
		}
		if e.refused != nobody && len(e.waiting) == 0 {
			return e.refusal()
		}
		if err := e.connect(); err != nil {
			return err
		}
		if err := t.wait(time.Now().Add(progressEvery), e); err != nil {
			return err
		}
		report.tell(time.Now(), func() Progress {
			return Progress{Phase: Joining, Part: float64(e.joined) / float64(e.all), Joined: e.joined}
		})
	}
	return nil
}

// connect begins as many connections as may be made at once. The first to a server has
// to find the address that answers, so it is alone.
func (e *admission) connect() error {
	for e.refused == nobody && e.begun < e.all && len(e.waiting) < maxAttempts {
		s := e.server(e.begun)
		if s.begun > 0 && s.joined == 0 {
			return nil
		}
		s.begun++
		e.begun++
		if err := e.begin(e.begun - 1); err != nil {
			return err
		}
	}
	return nil
}

// server returns how far a connection's server is.
func (e *admission) server(number int) *tally { return &e.servers[e.config.server(number)] }

// addrs returns the addresses of a connection's server that may still answer.
func (e *admission) addrs(number int) *[]netip.AddrPort {
	return &e.config.Servers[e.config.server(number)].Addrs
}

// refusal says which server refused a client.
func (e *admission) refusal() error {
	if len(e.servers) == 1 {
		return &RefusedError{Joined: e.joined, Clients: e.all}
	}
	clients := 0
	for i := range e.all {
		if e.config.server(i) == e.refused {
			clients++
		}
	}
	return &RefusedError{
		Server: e.config.Servers[e.refused].Addrs[0].String(), Joined: e.servers[e.refused].joined, Clients: clients,
	}
}

func (e *admission) begin(number int) error {
	e.waiting[number] = &attempt{hello: e.config.hello(number)}
	err := e.transport.connect(number, (*e.addrs(number))[0])
	if _, failed := errors.AsType[*connectError](err); failed {
		return e.ended(number, err)
	}
	return err
}

// errNotAlone says that a client received something before any had sent.
var errNotAlone = errors.New("messages came before any client had sent one: " +
	"the room has other members, or it replays what was said before (--replay)")

func (e *admission) connected(number int) error {
	hello := e.waiting[number].hello
	n, err := e.transport.write(number, hello)
	if err == nil && n < len(hello) {
		err = io.ErrShortWrite // an empty socket takes more than this
	}
	return err
}

func (e *admission) received(number int, b []byte, _ time.Duration) error {
	k := e.waiting[number]
	if k == nil {
		if messages, n, err := e.config.Dialect.unwrap(b, nil); len(messages) == 0 && n == len(b) && err == nil {
			return nil // nothing but what is to be ignored
		}
		return fmt.Errorf("client %d: %w", number, errNotAlone)
	}
	k.answer = append(k.answer, b...)
	whole, err := e.config.Dialect.Welcome(k.hello, k.answer)
	if err != nil {
		return fmt.Errorf("client %d: %w", number, err)
	}
	if whole {
		delete(e.waiting, number)
		e.joined++
		e.server(number).joined++
		e.advanced = time.Now()
	}
	return nil
}

// numbered refuses what has a number: it is a message, and none was sent yet.
func (e *admission) numbered(number int, _ uint64, _ time.Time) error {
	return fmt.Errorf("client %d: %w", number, errNotAlone)
}

func (e *admission) writable(int) error { return nil }

func (e *admission) ended(number int, cause error) error {
	if e.waiting[number] == nil {
		return fmt.Errorf("the server ended the connection of client %d while others still joined: %w", number, cause)
	}
	_, connecting := errors.AsType[*connectError](cause)
	addrs := e.addrs(number)
	switch {
	case connecting && e.server(number).joined == 0 && len(*addrs) > 1: // a host may have addresses on which nobody listens
		*addrs = (*addrs)[1:]
		return e.begin(number)
	case connecting && errors.Is(cause, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("client %d finds no free port: %w; wait a minute until those of earlier runs are free, "+
			"or widen net.ipv4.ip_local_port_range", number, cause)
	case connecting:
		return fmt.Errorf("client %d can't connect to %v: %w", number, (*addrs)[0], cause)
	}
	if closed, ok := errors.AsType[*closeError](cause); ok && !closed.isRefusal() {
		return fmt.Errorf("client %d was not let in: %w", number, closed)
	}
	if e.refused == nobody {
		e.refused = e.config.server(number)
	}
	delete(e.waiting, number)
	return nil
}
