//go:build linux

// Package server is the chat server: it accepts connections, lets those that know
// the key of a room into it, reads their messages, publishes them in the room's log,
// and writes everybody in the room what is new, from event loops that never block.
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
	"maps"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/origin"
	"sop-chat/internal/wire"
)

// A Config says what a server is to be, whatever its rooms are.
type Config struct {
	// MaxPending is how many connections may be unauthenticated for longer than a
	// moment, and MaxPendingPerAddress how many of them from one address (for
	// IPv6, one network of 64 bits); 0 is no limit. Beyond it, the oldest
	// connection of the address that holds most is evicted.
	MaxPending, MaxPendingPerAddress int
	// Descriptors bounds all connections by what the process may open.
	Descriptors Descriptors
	// Proxies are the addresses of proxies that may say whose connection they pass on,
	// by a header of the PROXY protocol before all that the client sends.
	Proxies []netip.Prefix
	// Origins decide from where clients may connect and how often they may try keys;
	// nil is from everywhere and any number of times.
	Origins *origin.Table
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
	// Name is the name under which the server itself speaks; "" is "server".
	Name string
	// Loops is how many event loops there are; 0 is 1.
	Loops int
	// Send has large batches be sent by "copy" or by "reference", for measuring;
	// else the server finds out what costs less.
	Send string
	// Keyring has keys besides those of the rooms; nil if there are none.
	Keyring Keyring
	// Logger takes diagnostics. It must not block.
	Logger *slog.Logger
}

// A Server serves rooms. Listen may be called any number of times, and then Serve once.
// The other methods may be called at any time, by any goroutine.
type Server struct {
	config     Config
	rooms      *rooms
	memory     fileMemory // in which the rooms' logs lie; nil if that is not a file
	pool       *broadcast.Pool
	sending    sendChoice
	identities *identities
	passes     *passes
	answers    answerQueue // of the keyring
	speaker    *speaker
	motd       atomic.Pointer[motd]
	freed      chan struct{} // see Freed
	listeners  []int
	handoff    handoffQueue
	reports    lastReports
	stopping   atomic.Bool
	freezer    *freezer
	freezing   sync.Mutex       // from Freeze to Thaw
	paused     broadcast.Paused // from Freeze to Thaw
	restoring  *restoring       // set by Restore, until Serve has restored all
	serving    chan struct{}    // closed when Serve has begun to serve
	ended      chan struct{}    // closed when the loops have ended

	mu        sync.Mutex
	loops     []*loop            // guarded by mu until the server serves
	isServing bool               // guarded by mu
	hasEnded  bool               // guarded by mu
	closing   map[*Room]struct{} // guarded by mu; rooms that loops have yet to close
}

// New returns a server that has no rooms and does not listen yet.
func New(config Config) (*Server, error) { return newServer(config, newMemory) }

// newServer returns a server whose logs lie in a memory.
func newServer(config Config, memory func(*slog.Logger) fileMemory) (*Server, error) {
	if err := netpoll.Probe(); err != nil {
		return nil, fmt.Errorf("the server needs what this system refuses: %w", err)
	}
	config.Loops = max(config.Loops, 1)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: config, rooms: newRooms(), memory: memory(config.Logger), identities: newIdentities(), passes: newPasses(), freezer: newFreezer(), freed: make(chan struct{}, 1), serving: make(chan struct{}), ended: make(chan struct{}),
		speaker: newSpeaker(cmp.Or(config.Name, "server")),
	}
	s.pool = newPool(s.memory)
	switch config.Send {
	case copies.String():
		s.sending.force(copies)
	case references.String():
		s.sending.force(references)
	default:
		s.sending.learn(standardTrial)
	}
	return s, nil
}

// Open opens a room. It returns an error if another room has its name or its key. Before
// anybody can be in the room, prepare is called, which may be nil: a reader that must see
// everything follows the room's log there, and what is appended to the log there is
// replayed to clients that join, as if it had been said in the room.
func (s *Server) Open(c RoomConfig, prepare func(*Room) error) (*Room, error) {
	if err := wire.CheckKey(c.Key); err != nil {
		return nil, err
	}
	if err := s.rooms.canAdd(c.Name, c.Key); err != nil {
		return nil, err // and prepare nothing
	}
	hasEpochs := c.Epochs != nil
	if !hasEpochs {
		c.Epochs = newStart()
	}
	room := newRoom(c, s.config.Loops, s.pool)
	room.speaker = s.speaker
	if room.relay != nil {
		room.relay.freed, room.relay.identities = s.freed, s.identities
	}
	err := s.restoreRoom(room, hasEpochs)
	if err == nil && prepare != nil {
		err = prepare(room)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.hasEnded {
		err = errEnded
	}
	if err == nil {
		err = s.rooms.add(room)
	}
	if err != nil {
		room.endLogs()
		return nil, err
	}
	return room, nil
}

var errEnded = errors.New("the server has ended")

// Close closes a room: nobody is let in any more, and its clients are disconnected,
// which happens soon after. Its log ends when all are.
func (s *Server) Close(room *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rooms.remove(room) {
		return
	}
	room.closing.Store(true)
	if !s.isServing {
		room.endLogs()
		return
	}
	s.closing[room] = struct{}{}
	s.empty(emptying{room, causeClosed})
	maps.DeleteFunc(s.closing, func(room *Room, _ struct{}) bool { return room.open.Load() == 0 })
}

// SetKey gives a room another key, and disconnects nobody. It returns an error if that is
// another room's.
func (s *Server) SetKey(room *Room, key string) error {
	if err := wire.CheckKey(key); err != nil {
		return err
	}
	return s.rooms.changeKey(room, key)
}

// SetMaxClients changes RoomConfig.MaxClients. If there are more clients, they stay.
func (s *Server) SetMaxClients(room *Room, n int) { room.slots.Store(int64(n)) }

// SetReplay changes RoomConfig.Replay and RoomConfig.Kept. If those are more than before,
// the messages that were not kept are still missing.
func (s *Server) SetReplay(room *Room, replay, kept int) {
	room.replay.Store(int64(replay))
	room.log.Retain(max(kept, replay), replay)
}

// SetRate changes RoomConfig.Rate. Each member may send a burst then.
func (s *Server) SetRate(room *Room, r Rate) {
	room.rate.Store(newRateLimit(r))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isServing {
		for _, l := range s.loops {
			l.inbox.wakeFor(room) // for the members that wait
		}
	}
}

// SetNames changes RoomConfig.VerifyNames and RoomConfig.UniqueNames. The first counts for
// what is read from then on, the second for clients that join from then on, among
// themselves.
func (s *Server) SetNames(room *Room, verify bool, unique Skeletons) {
	room.verify.Store(verify)
	room.names.lookBy(unique)
}

// Disconnect disconnects all clients of a room, because its key was changed. That happens
// soon after.
func (s *Server) Disconnect(room *Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isServing {
		s.empty(emptying{room, causeRekeyed})
	}
}

// empty has all loops disconnect the clients of a room. The caller holds the lock.
func (s *Server) empty(e emptying) { s.loops[0].inbox.empty(e) }

// Rooms returns the rooms, in the order of their names.
func (s *Server) Rooms() []*Room { return s.rooms.all() }

// Room returns the room with a key, or nil. How long that takes tells nothing about the
// rooms there are.
func (s *Server) Room(key string) *Room { return s.rooms.find([]byte(key)) }

// RoomNamed returns the room with a name, or nil.
func (s *Server) RoomNamed(name string) *Room { return s.rooms.named(name) }

// Strangers returns a log without messages, in which it is announced who was refused for
// a wrong key while there are several rooms. While there is one, that is announced there.
func (s *Server) Strangers() *broadcast.Log { return s.rooms.strangers }

// extentSegments is how many segments the file in which the logs lie grows by.
const extentSegments = 512

// newMemory returns memory that can be sent by reference, or nil where the system
// has none. The logs then lie in the program's own memory, and all is sent by
// copy. If sending by reference fails later, all is sent by copy from then on.
func newMemory(logger *slog.Logger) fileMemory {
	copies := reportCopies(logger)
	m, err := netpoll.NewMemory(extentSegments, broadcast.SegmentSize, copies)
	if err != nil {
		copies(err)
		return nil
	}
	return m
}

// reportCopies returns what reports that nothing is sent by reference any more.
func reportCopies(logger *slog.Logger) func(error) {
	return func(err error) {
		logger.Warn("messages are always copied to be sent, which large rooms will feel", "reason", err)
	}
}

// newPool returns a pool of logs that lie in memory, or in the program's own if that is
// nil.
func newPool(memory fileMemory) *broadcast.Pool {
	if memory == nil {
		return broadcast.NewPool(nil)
	}
	return broadcast.NewPool(memory)
}

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

// Serving returns a channel that is closed when Serve has begun to serve. Before that, what
// is asked of the loops is refused.
func (s *Server) Serving() <-chan struct{} { return s.serving }

// Serve serves until ctx is done, then closes every connection, the listeners
// and the logs of the rooms, and returns nil. It returns an error only if the system
// refuses what every loop needs.
func (s *Server) Serve(ctx context.Context) error {
	var pollers []*netpoll.Poller
	defer s.end()
	defer func() {
		for _, p := range pollers {
			p.Destroy()
		}
		for _, fd := range s.listeners {
			netpoll.Close(fd)
		}
	}()
	defer s.leaveLoops()
	defer s.closeHandoff() // before the pollers are gone, which it may wake
	defer s.answers.close()
	defer s.speaker.close()
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
	close(s.serving)
	unhook := context.AfterFunc(ctx, s.stop)
	defer unhook()
	serving, served := context.WithCancel(ctx)
	var settling sync.WaitGroup
	settling.Go(func() { s.settle(serving) })
	defer settling.Wait()
	defer served()
	return s.run()
}

// end closes the logs of all rooms.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hasEnded = true
	for _, room := range s.rooms.all() {
		room.endLogs()
	}
	for room := range s.closing {
		room.endLogs()
	}
	s.rooms.strangers.Close()
	if s.memory != nil {
		s.memory.Close()
	}
}

// leaveLoops has nobody give the loops anything or wake them any more: they have ended, and
// their pollers are about to be destroyed. What they have counted is kept.
func (s *Server) leaveLoops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isServing = false
	s.stopRelays()
	close(s.ended)
	last := make([]*report, len(s.loops))
	for i, l := range s.loops {
		r := l.report()
		last[i] = &r
	}
	s.reports.update(last)
}

// prepare creates a loop for each poller, and the acceptor in the first loop.
func (s *Server) prepare(pollers []*netpoll.Poller) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	limits := limits{stall: s.config.StallTimeout, peer: s.config.PeerTimeout, ping: cmp.Or(s.config.PingInterval, pingInterval)}
	out := output{memory: s.memory, sending: &s.sending, logger: s.config.Logger, limits: standardSend}
	for i, p := range pollers {
		l := newLoop(p, i, out, s.identities, s.passes, limits, &s.stopping)
		l.origins, l.freezer = s.config.Origins, s.freezer
		s.loops = append(s.loops, l)
	}
	errno := s.loops[0].addAcceptor(s.loops, s.rooms, s.listeners, &s.handoff, acceptorLimits{
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
	s.loops[0].acceptor.proxies = s.config.Proxies
	s.loops[0].acceptor.motd = &s.motd
	s.loops[0].useSpeaker(s.speaker)
	s.loops[0].acceptor.useKeyring(s.config.Keyring, &s.answers)
	s.restoreConns()
	s.freezer.begin(len(s.loops))
	s.isServing, s.closing = true, make(map[*Room]struct{})
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
			defer s.freezer.end()
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
	s.wakeLoops()
}

// wakeLoops wakes all loops, if the server serves.
func (s *Server) wakeLoops() {
	s.mu.Lock()
	defer s.mu.Unlock() // so that it wakes none whose poller is destroyed
	if s.isServing {
		for _, l := range s.loops {
			l.kernel.Wake()
		}
	}
}
