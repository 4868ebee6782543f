//go:build linux

package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

const (
	memoryFD   = 2
	listenerFD = 3
)

// A world is everything outside the loops: descriptors, the network, the clients
// at its other end, and time. All of it follows from a seed.
type world struct {
	cpu    time.Duration // see simKernel.CPUTime
	seed   uint64
	rng    *rand.Rand
	now    time.Time
	faults int // one call in that many fails; 0: none

	fds      []*socket    // by descriptor
	arriving []*socket    // connected, not yet accepted
	handoff  handoffQueue // of connections that no listener accepted
	adopted  int          // how many were
	traffic  simTraffic
	clients  []*simClient
	born     int

	shared     *rooms
	rooms      []*simRoom
	identities *identities
	passes     *passes
	keyring    *simKeyring
	answers    answerQueue
	origins    *simOrigins // nil if none are counted
	operator   *simOperator
	speeches   simSpeeches
	motd       atomic.Pointer[motd]
	sending    sendChoice
	memory     *simMemory // nil if the logs lie in the program's own
	pool       *broadcast.Pool
	out        output // what all loops send through
	loops      []*loop
	stop       atomic.Bool
	freed      chan struct{} // Server.Freed
	handed     simHandovers
	config     simConfig
}

// A simConfig is what a seed chooses of the server's settings.
type simConfig struct {
	loops, pending, perAddress int
	clients                    int // how many are there at a time
	descriptors                int // how many there may be; 0: any number
}

const (
	simAuthTimeout  = 10 * time.Second
	simStallTimeout = 10 * time.Second
	simPeerTimeout  = 20 * time.Second
)

// A failure is what the simulation panics with, to tell it from a panic of the
// code it tests.
type failure string

func (w *world) failf(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

// newWorld returns a world whose settings are drawn from the seed.
func newWorld(seed uint64) *world {
	w := emptyWorld(seed)
	w.faults = []int{0, 2000, 200, 30}[w.rng.IntN(4)]
	w.config = simConfig{
		loops:      1 + w.rng.IntN(4),
		pending:    []int{0, 1, 4}[w.rng.IntN(3)],
		perAddress: []int{0, 1, 2}[w.rng.IntN(3)],
		clients:    2 + w.rng.IntN(12),
	}
	if w.chance(3) {
		w.origins = w.drawOrigins()
	}
	w.begin()
	for range 1 + w.rng.IntN(4) {
		w.addRoom(w.drawRoom())
	}
	return w
}

func emptyWorld(seed uint64) *world {
	return &world{
		seed: seed,
		rng:  rand.New(rand.NewPCG(seed, 0)),
		now:  simTime(time.Unix(1_000_000_000, 0), time.Hour),
		fds:  make([]*socket, listenerFD+1),

		freed: make(chan struct{}, 1),
	}
}

// begin starts a server with the world's settings, and without rooms.
func (w *world) begin() {
	w.shared, w.identities, w.passes = newRooms(), newIdentities(), newPasses()
	switch w.rng.IntN(6) {
	case 0:
		w.sending.force(copies)
	case 1:
		w.sending.force(references)
	default:
		w.sending.learn(trialLimits{
			skip:   time.Duration(w.rng.IntN(2)),
			cost:   time.Duration(1 + w.rng.IntN(1000)),
			wins:   1,
			losses: 1,
			rest:   w.rng.Float64(), maxRest: 4,
		})
	}
	w.out = output{sending: &w.sending, logger: slog.New(slog.DiscardHandler), limits: sendLimits{
		write:     wire.Size << w.rng.IntN(12),
		reference: 1 + w.rng.IntN(512<<w.rng.IntN(5)),
		members:   w.rng.IntN(8),
		lap:       1 + w.rng.IntN(64<<10),
		quantum:   1 + w.rng.IntN(512<<w.rng.IntN(10)),
	}}
	if !w.chance(3) {
		w.memory = newSimMemory(w)
		w.out.memory = w.memory
	}
	w.pool = newPool(w.out.memory)
	w.keyring, w.operator = newSimKeyring(w), newSimOperator(w)
	w.speeches = newSimSpeeches()
	w.addLoops()
}

// addLoops adds the loops of a server.
func (w *world) addLoops() {
	limits := limits{stall: simStallTimeout, peer: simPeerTimeout, ping: pingInterval}
	for i := range w.config.loops {
		k := &simKernel{world: w}
		l := newLoop(k, i, w.out, w.identities, w.passes, limits, &w.stop)
		l.looks = 1 + w.rng.IntN(8)
		if w.origins != nil {
			l.origins, l.logger = w.origins, slog.New(&simLog{slog.DiscardHandler, w})
		}
		w.loops = append(w.loops, l)
	}
	errno := w.loops[0].addAcceptor(w.loops, w.shared, []int{listenerFD}, &w.handoff, acceptorLimits{
		pending:           w.config.pending,
		pendingPerAddress: w.config.perAddress,
		authTimeout:       simAuthTimeout,
		peer:              simPeerTimeout,
		minMembers:        w.rng.Int32N(4),
	})
	w.loops[0].acceptor.proxies = simProxies
	w.loops[0].acceptor.motd = &w.motd
	w.loops[0].useSpeaker(w.speeches.of)
	if errno != 0 {
		w.failf("the listener can't be registered: %v", errno)
	}
	w.loops[0].acceptor.useKeyring(w.keyring, &w.answers)
}

func (w *world) chance(oneIn int) bool { return w.rng.IntN(oneIn) == 0 }

// fault returns one of the errors now and then, and 0 otherwise.
func (w *world) fault(errnos ...syscall.Errno) syscall.Errno {
	if w.faults == 0 || !w.chance(w.faults) {
		return 0
	}
	return errnos[w.rng.IntN(len(errnos))]
}

// A socket is the server's end of a connection.
type socket struct {
	peer   *simClient
	addr   netip.AddrPort
	fd     int    // -1 before it is accepted and after it is closed
	in     []byte // came from the client, not yet read
	inCap  int
	out    []byte // written, not yet read by the client
	outCap int
	wrote  int  // how much was ever written
	taken  int  // how much of it the client ever took
	closed bool // by the server

	isPipe bool // of TLS: it can't be handed over

	userTimeout time.Duration
	openAt      time.Time // when the client last had space for more

	fin                   bool          // the client sends nothing more
	broken                bool          // reset, or the network failed: nothing gets through
	errno                 syscall.Errno // what the next call on a broken socket returns
	readError             bool          // a read failed although there may have been more
	readShort, writeShort time.Time     // when the kernel last lacked memory for the call
	epollFailed           bool          // a call about it failed that is not the network's
}

// fail has the connection fail.
func (s *socket) fail(errno syscall.Errno) {
	s.broken, s.errno = true, errno
	s.out = nil
}

// install gives a socket the lowest free descriptor, as the kernel does, so that
// numbers are soon reused.
func (w *world) install(s *socket) {
	s.fd = w.nextFD()
	if s.fd == len(w.fds) {
		w.fds = append(w.fds, nil)
	}
	w.fds[s.fd] = s
}

// nextFD returns the lowest free descriptor.
func (w *world) nextFD() int {
	fd := listenerFD + 1
	for fd < len(w.fds) && w.fds[fd] != nil {
		fd++
	}
	return fd
}

func (w *world) socket(fd int, call string) *socket {
	if fd <= listenerFD || fd >= len(w.fds) || w.fds[fd] == nil {
		w.failf("%s of fd %d, which is not open", call, fd)
	}
	return w.fds[fd]
}

// open returns how many connections have a descriptor.
func (w *world) open() int {
	n := 0
	for _, s := range w.fds {
		if s != nil {
			n++
		}
	}
	return n
}

// retried checks that what failed for a shortage is not retried at once.
func (w *world) retried(last *time.Time, errno syscall.Errno, call string) {
	if w.now.Equal(*last) {
		w.failf("a %s is retried at once after a shortage", call)
	}
	if shortage(errno) {
		*last = w.now
	}
}

// checkUserTimeout fails if the kernel would have given up a client that is alive but does
// not read, as TCP_USER_TIMEOUT does while its window is closed.
func (s *socket) checkUserTimeout(w *world) {
	switch {
	case len(s.out) < s.outCap:
		s.openAt = w.now
	case s.userTimeout > 0 && w.now.Sub(s.openAt) >= s.userTimeout:
		w.failf("the kernel gives up %v, which does not read", s.peer)
	}
}
