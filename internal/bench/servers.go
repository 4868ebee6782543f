package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sop-chat/internal/english"
)

// A Server is the server that is put under load, or one of a cluster.
type Server struct {
	// Addrs are its addresses; the first that answers is taken.
	Addrs []netip.AddrPort
	// Host is what a WebSocket of it is asked for by (the Host header); empty is the
	// address.
	Host string
	// PID is its process; 0 leaves out what it costs.
	PID int
}

// server returns the place of a connection's server among all. Connections take turns;
// each time the turns of servers and of rooms have come around together they begin one
// server later, so that all servers have clients of each room that has enough.
func (c *Config) server(connection int) int {
	servers, rooms := max(len(c.Servers), 1), max(len(c.Rooms), 1)
	return (connection + connection/lcm(servers, rooms)) % servers
}

// host returns what a connection's server is asked for by.
func (c *Config) host(connection int) string { return c.Servers[c.server(connection)].Host }

// lcm returns the least common multiple of two numbers.
func lcm(a, b int) int {
	gcd, rest := a, b
	for rest > 0 {
		gcd, rest = rest, gcd%rest
	}
	return a / gcd * b
}

// checkServers reports what can't be done with several servers.
func (c *Config) checkServers() error {
	if c.Clients < len(c.Servers) {
		return fmt.Errorf("%s are too few for %s", english.Count(c.Clients, "client"), english.Count(len(c.Servers), "server"))
	}
	pids := make(map[int]bool)
	for _, s := range c.Servers {
		if pids[s.PID] && s.PID != 0 {
			return fmt.Errorf("process %d is given for two servers", s.PID)
		}
		pids[s.PID] = true
	}
	if len(pids) > 1 && pids[0] {
		return errors.New("the process of each server is needed, or of none")
	}
	return nil
}

// processes returns the servers' processes, one for each, and those beside them.
func (c *Config) processes() (servers, beside processes) {
	for _, s := range c.Servers {
		servers = append(servers, process(s.PID))
	}
	for _, pid := range c.Beside {
		beside = append(beside, process(pid))
	}
	return servers, beside
}

// processes are those of all servers.
type processes []process

// memory returns the bytes of each that are in memory.
func (all processes) memory() ([]int64, error) {
	bytes := make([]int64, len(all))
	for i, p := range all {
		var err error
		if bytes[i], err = p.memory(); err != nil {
			return nil, err
		}
	}
	return bytes, nil
}

// cpu returns the CPU time that each has used.
func (all processes) cpu() ([]time.Duration, error) {
	times := make([]time.Duration, len(all))
	for i, p := range all {
		var err error
		if times[i], err = p.cpu(); err != nil {
			return nil, fmt.Errorf("the server's CPU time can't be read: %w", err)
		}
	}
	return times, nil
}

// A clientError is an error about some clients, which it names.
type clientError struct {
	clients []int
	cause   error
}

func about(cause error, clients ...int) error { return &clientError{clients, cause} }

func (e *clientError) Error() string { return e.cause.Error() }
func (e *clientError) Unwrap() error { return e.cause }

// locate adds to an error about clients at which of several servers they are.
func (c *Config) locate(err error) error {
	wrong, ok := errors.AsType[*clientError](err)
	if !ok || len(c.Servers) < 2 {
		return err
	}
	var places []string
	for _, client := range wrong.clients {
		at := c.Servers[c.server(client)].Addrs[0].String()
		if !strings.Contains(err.Error(), at) {
			places = append(places, fmt.Sprintf("client %d is at %s", client, at))
		}
	}
	if len(places) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(places, ", "))
}

// A naming transport says of its handler's errors which client they are about.
type naming struct {
	transport
	handler handler // while it waits
}

var _ handler = (*naming)(nil)

func (n *naming) wait(until time.Time, h handler) error {
	n.handler = h
	return n.transport.wait(until, n)
}

func (n *naming) connected(number int) error { return named(number, n.handler.connected(number)) }
func (n *naming) writable(number int) error  { return named(number, n.handler.writable(number)) }

func (n *naming) received(number int, b []byte, ago time.Duration) error {
	return named(number, n.handler.received(number, b, ago))
}

func (n *naming) ended(number int, cause error) error {
	return named(number, n.handler.ended(number, cause))
}

func named(client int, err error) error {
	if err == nil {
		return nil
	}
	return about(err, client)
}
