//go:build linux

// Package server is the chat server: it accepts connections, lets in those
// that know the key, reads their messages, publishes them in the room's log,
// and writes everybody what is new, from event loops that never block.
//
// It knows no console, no archive and no gateway. The first two only read the log.
// A gateway hands over descriptors, which are treated like those that the
// listeners accept (Adopt).
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/wire"
)

// A Config says what a server is to be.
type Config struct {
	// Key is what a client must give to get in, see wire.CheckKey.
	Key string
	// MaxClients is how many slots for clients the room has; 0 is no limit.
	MaxClients int
	// MaxPending is how many connections may be unauthenticated for longer than a
	// moment, and MaxPendingPerAddress how many of them from one address (for
	// IPv6, one network of 64 bits); 0 is no limit. Beyond it, the oldest
	// connection of the address that holds most is evicted.
	MaxPending, MaxPendingPerAddress int
	// Descriptors bounds all connections by what the process may open.
	Descriptors Descriptors
	// AuthTimeout is how long a connection may take to authenticate.
	AuthTimeout time.Duration
	// StallTimeout is how long a client that reads too little may hold the
	// others up before it is disconnected, see broadcast.Stall.
	StallTimeout time.Duration
	// PeerTimeout is for how long data may be unacknowledged before the kernel
	// gives its receiver up; 0 is the kernel's own rule.
	PeerTimeout time.Duration
	// PingInterval is how often each WebSocket is sent a ping; 0 is half a minute.
	// One that answers none of four is disconnected.
	PingInterval time.Duration
	// Backlog is how many bytes of messages the room keeps for clients that lag
	// before its senders have to wait.
	Backlog int
	// Replay is how many of the room's last messages a client is sent when it
	// joins, before the new ones; and Kept how many are kept for those that join
	// again and say what they have (Subprotocol), at least Replay. Both are
	// broadcast.MaxRetained at most.
	Replay, Kept int
	// Loops is how many event loops there are; 0 is 1.
	Loops int
	// Send has large batches be sent by "copy" or by "reference", for measuring;
	// else the server finds out what costs less.
	Send string
	// Logger takes diagnostics. It must not block.
	Logger *slog.Logger
}

// A Server serves one room. Listen may be called any number of times, and then
// Serve once. Log and Adopt may be called at any time.
type Server struct {
	config    Config
	room      *room
	listeners []int
	loops     []*loop
	handoff   handoffQueue
	stopping  atomic.Bool
}

// New returns a server that does not listen yet.
func New(config Config) (*Server, error) {
	if err := wire.CheckKey(config.Key); err != nil {
		return nil, err
	}
	if err := netpoll.Probe(); err != nil {
		return nil, fmt.Errorf("the server needs what this system refuses: %w", err)
	}
	config.Loops = max(config.Loops, 1)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: config,
		room: newRoom(config.Key, config.MaxClients, config.Backlog, config.Loops, func(segments int) fileMemory {
			return newMemory(segments, config.Logger)
		}),
	}
	s.room.log.Retain(max(config.Kept, config.Replay), config.Replay)
	switch config.Send {
	case copies.String():
		s.room.sending.force(copies)
	case references.String():
		s.room.sending.force(references)
	default:
		s.room.sending.learn(standardTrial)
	}
	return s, nil
}

// newMemory returns memory that can be sent by reference, or nil where the system
// has none. The log then lies in the program's own memory, and all is sent by
// copy. If sending by reference fails later, all is sent by copy from then on.
func newMemory(segments int, logger *slog.Logger) fileMemory {
	copies := func(err error) {
		logger.Warn("messages are always copied to be sent, which large rooms will feel", "reason", err)
	}
	m, err := netpoll.NewMemory(segments, broadcast.SegmentSize, copies)
	if err != nil {
		copies(err)
		return nil
	}
	return m
}

// Log returns the room's log. A reader that must see everything follows it before
// Serve is called. What is appended before that is replayed to clients that join,
// as if it had been said in the room.
func (s *Server) Log() *broadcast.Log { return s.room.log }

// Listen listens on an address; port 0 is any free port. Connections wait until
// Serve accepts them. See netpoll.Listen.
func (s *Server) Listen(at netip.AddrPort) error {
	fd, err := netpoll.Listen(at)
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, fd)
	return nil
}

// Addrs returns the addresses the server listens on.
func (s *Server) Addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, fd := range s.listeners {
		if at, err := netpoll.LocalAddr(fd); err == nil {
			addrs = append(addrs, at)
		}
	}
	return addrs
}

// Serve serves until ctx is done, then closes every connection, the listeners
// and the log, and returns nil. It returns an error only if the system refuses
// what every loop needs.
func (s *Server) Serve(ctx context.Context) error {
	var pollers []*netpoll.Poller
	defer s.room.log.Close()
	defer func() {
		for _, p := range pollers {
			p.Destroy()
		}
		for _, fd := range s.listeners {
			netpoll.Close(fd)
		}
	}()
	defer s.closeHandoff() // before the pollers are gone, which it may wake
	for range s.config.Loops {
		p, err := netpoll.New()
		if err != nil {
			return err
		}
		pollers = append(pollers, p)
	}
	if err := s.prepare(pollers); err != nil {
		return err
	}
	unhook := context.AfterFunc(ctx, s.stop)
	defer unhook()
	return s.run()
}

// prepare creates a loop for each poller, and the acceptor in the first loop.
func (s *Server) prepare(pollers []*netpoll.Poller) error {
	limits := limits{stall: s.config.StallTimeout, peer: s.config.PeerTimeout, ping: cmp.Or(s.config.PingInterval, pingInterval), send: standardSend}
	for _, p := range pollers {
		s.loops = append(s.loops, newLoop(p, s.room, s.config.Logger, limits, &s.stopping))
	}
	errno := s.loops[0].addAcceptor(s.loops, s.listeners, &s.handoff, acceptorLimits{
		pending:           s.config.MaxPending,
		pendingPerAddress: s.config.MaxPendingPerAddress,
		descriptors:       s.config.Descriptors,
		authTimeout:       s.config.AuthTimeout,
		peer:              s.config.PeerTimeout,
		minMembers:        minMembers,
	})
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

// run runs every loop on a goroutine of its own and waits for all of them. If
// one fails, all stop.
func (s *Server) run() error {
	errs := make([]error, len(s.loops))
	var running sync.WaitGroup
	for i, l := range s.loops {
		running.Go(func() {
			defer s.stop()
			if err := l.run(); err != nil {
				errs[i] = fmt.Errorf("event loop %d: %w", i, err)
				l.shutdown()
			}
		})
	}
	running.Wait()
	for _, l := range s.loops {
		l.shutdown() // the first loop may have assigned a connection to one that had returned
	}
	return errors.Join(errs...)
}

// stop makes every loop close its connections and return.
func (s *Server) stop() {
	s.stopping.Store(true)
	for _, l := range s.loops {
		l.kernel.Wake()
	}
}
