//go:build linux

package server

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
)

// A server can be handed over to another process, which goes on with its clients: it is
// frozen, its state is left to the other (package handover) with all descriptors, and the
// other restores it. If the other can't, the server thaws, and goes on as if nothing had
// happened.
//
//	Freeze ──▶ state ──▶ written to a file ──▶ … ──▶ Restore, Open for each room, Serve
//	  │
//	  └──▶ Thaw
//
// While a server is frozen, what clients send waits in the kernel.

// A freezer has the loops stand still between two wake-ups, when nothing is half done.
type freezer struct {
	isFrozen atomic.Bool

	mu       sync.Mutex
	changed  sync.Cond // on mu
	running  int       // loops
	standing int       // of those
	round    int       // how often the server has thawed
}

func newFreezer() *freezer {
	f := new(freezer)
	f.changed.L = &f.mu
	return f
}

// begin counts a number of loops that run.
func (f *freezer) begin(loops int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += loops
}

// end counts a loop no more.
func (f *freezer) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	f.changed.Broadcast()
}

// stand has a loop stand still as long as the server is frozen. It calls it between two
// wake-ups.
func (f *freezer) stand() {
	if !f.isFrozen.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isFrozen.Load() {
		return
	}
	f.standing++
	f.changed.Broadcast()
	for round := f.round; f.round == round; {
		f.changed.Wait()
	}
}

// freeze returns when all loops stand still, and reports whether there are any. wake wakes
// them.
func (f *freezer) freeze(wake func()) bool {
	f.isFrozen.Store(true)
	wake()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.standing < f.running {
		f.changed.Wait()
	}
	return f.running > 0
}

// thaw lets the loops go on.
func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isFrozen.Store(false)
	f.standing = 0
	f.round++
	f.changed.Broadcast()
}

const (
	// freezePatience is how long Freeze waits for what is about to be done, such as that
	// the clients of a room are disconnected that was closed.
	freezePatience = 5 * time.Second
	// freezeRetry is how long it lets the loops run in between.
	freezeRetry = 5 * time.Millisecond
)

var (
	errFrozen     = errors.New("the server is being handed over already")
	errNotServing = errors.New("the server does not serve, so it can't be handed over")
	errBusy       = errors.New("the server can't be handed over, because its loops do not finish disconnecting clients")
)

// Freeze has all loops stand still between two wake-ups and returns the server's state: all
// that was read is published, and what was not is in the kernel. Until Thaw is called, or
// the process is replaced, nothing of the server moves. Descriptors in the state are those
// of this process.
//
// settle, if it is not nil, is called when the loops stand still and nothing more is
// appended to the logs, and before the state is taken: readers that must not lose anything
// can finish what they have in hand, such as a history that writes its last messages. If it
// returns an error, Freeze returns that.
//
// Followers are in the state that belong to named groups (broadcast.Group.Named); they take
// nothing until Thaw. What they have taken and not yet printed or written is theirs to look
// after.
//
// Rooms that relay refuse deliveries until Thaw.
//
// Connections over TLS are not passed on. In the state they are members that have ended;
// here they stay until EndUnpassed or the end of the process.
//
// If Freeze returns an error, the server goes on.
func (s *Server) Freeze(settle func() error) (*handover.State, error) {
	if !s.freezing.TryLock() {
		return nil, errFrozen
	}
	if err := s.stand(); err != nil {
		s.freezing.Unlock()
		return nil, err
	}
	s.pool.Pause()
	s.freezeRelays(true)
	state, err := s.freeze(settle)
	if err != nil {
		s.Thaw()
		return nil, err
	}
	return state, nil
}

// stand has all loops stand still when they have nothing left that does not pass on.
func (s *Server) stand() error {
	s.mu.Lock()
	isServing := s.isServing
	s.mu.Unlock()
	if !isServing {
		return errNotServing
	}
	for until := time.Now().Add(freezePatience); ; time.Sleep(freezeRetry) {
		switch hasLoops := s.freezer.freeze(s.wakeLoops); {
		case !hasLoops || s.stopping.Load():
			s.freezer.thaw()
			return errNotServing
		case s.isQuiet():
			return nil
		}
		s.freezer.thaw()
		if time.Now().After(until) {
			return errBusy
		}
	}
}

// isQuiet reports whether no clients are to be disconnected. The loops stand still.
func (s *Server) isQuiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for room := range s.closing {
		if room.open.Load() > 0 || room.taken.Load() > 0 {
			return false
		}
	}
	r := s.running()
	return r.isQuiet()
}

// freeze returns the state when the loops stand still.
func (s *Server) freeze(settle func() error) (*handover.State, error) {
	if settle != nil {
		if err := settle(); err != nil {
			return nil, err
		}
	}
	logs := []*broadcast.Log{s.rooms.strangers}
	for _, room := range s.rooms.all() {
		logs = append(logs, room.log)
		if room.relay != nil {
			logs = append(logs, room.relay.outgoing)
		}
	}
	s.paused = broadcast.PauseFollowers(logs)
	r := s.running()
	state := r.save()
	state.SavedAt = time.Now()
	state.Origins = s.config.Origins.Save(state.SavedAt)
	return state, nil
}

// Thaw has a frozen server go on as if nothing had happened.
func (s *Server) Thaw() {
	s.paused.Resume()
	s.paused = nil
	s.freezeRelays(false)
	s.pool.Resume()
	s.freezer.thaw()
	s.freezing.Unlock()
}

// EndUnpassed ends, while the server is frozen, the connections that are not in the state:
// their clients are told, as far as their sockets take it, that the server restarts, and
// then that their stream has ended. After that there is no way back for them.
func (s *Server) EndUnpassed() {
	for _, l := range s.loops {
		for _, c := range l.table.conns {
			if c != nil && !l.kernel.IsTCP(int(c.fd)) {
				l.endUnpassed(c)
			}
		}
	}
}

// endUnpassed ends a connection that can't be passed on.
func (l *loop) endUnpassed(c *conn) {
	if c.isWebSocket() && c.lag == nil && c.state != draining {
		c.sendClose(&l.system, c.state, causeRestart)
	}
	l.kernel.EndStream(int(c.fd))
}

// running returns what is saved of the server.
func (s *Server) running() running {
	return running{
		loops: s.loops, rooms: s.rooms, identities: s.identities, passes: s.passes, handoff: &s.handoff,
		listeners: s.listeners, memory: s.memory,
	}
}
