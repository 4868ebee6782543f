//go:build linux

package server

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"sop-chat/internal/wire"
)

// Besides the keys of rooms there may be others, of persons and devices. Checking one of
// them takes so long that no loop may do it, so a connection waits for the answer, and
// the acceptor goes on when that has come. What it may do by such a key can be taken away
// while it is there.

// A Keyring has the keys that are not those of rooms. Any goroutine may call the methods.
type Keyring interface {
	// Check has a key checked that somebody at a source gave. If the answer is known it
	// is returned at once; otherwise done is called with it, once, at any time and by any
	// goroutine.
	Check(key string, source netip.Prefix, done func(Checked)) (c Checked, atOnce bool)
	// InForce reports whether a pass has not been taken away. It does not block.
	InForce(Pass) bool
}

// A Pass is what a key of a keyring is good for.
type Pass struct {
	Label string // whose key it is, as operators know them
	Room  string // the name of the room that it opens
	ID    string // tells it from others with the same label and room
}

// A Checked is what came of checking a key.
type Checked struct {
	Verdict Verdict
	Pass    Pass // if the key is right
}

// A Verdict says what a key is.
type Verdict uint8

const (
	// WrongKey is a key that is no pass.
	WrongKey Verdict = iota
	// RightKey is one that is.
	RightKey
	// Unchecked is a key that was not checked, because too many others wait.
	Unchecked
)

// passes are those by which connections came in, of members and of those that are to be.
type passes struct {
	size atomic.Int64 // of byConn, so that nothing is locked while there are none

	mu      sync.Mutex
	byConn  map[*conn]*passage
	revoked []*conn // they are no members, and are to be ended
	wake    func()  // wakes the acceptor's loop for those
}

// A passage is a connection's pass.
type passage struct {
	pass    Pass
	loop    *inbox // of the connection's loop; nil until it is a member
	revoked bool
}

func newPasses() *passes { return &passes{byConn: make(map[*conn]*passage)} }

// admit notes the pass of a connection that is no member yet, unless it has been taken
// away. From then on revoke finds it.
func (s *passes) admit(c *conn, p Pass, k Keyring) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !k.InForce(p) { // asked under the lock, so that it can't be taken away unnoticed
		return false
	}
	s.byConn[c] = &passage{pass: p}
	s.size.Store(int64(len(s.byConn)))
	return true
}

// assign notes to which loop a connection was assigned. It is called after that, so that
// the loop hears of a pass that is taken away after it hears of the connection.
func (s *passes) assign(c *conn, to *inbox) {
	if s.size.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byConn[c]
	if p == nil {
		return
	}
	p.loop = to
	if p.revoked {
		to.put(assignment{conn: c, cause: causeRevoked})
		to.wake()
	}
}

// leave takes its pass from a connection that is closed. Any loop may call it.
func (s *passes) leave(c *conn) {
	if s.size.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byConn, c)
	s.size.Store(int64(len(s.byConn)))
}

// label returns the label of a connection's pass; "" if it has none.
func (s *passes) label(c *conn) string {
	if s.size.Load() == 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byConn[c]; p != nil {
		return p.pass.Label
	}
	return ""
}

// revoke has the connections ended whose pass is not in force any more.
func (s *passes) revoke(k Keyring) {
	s.mu.Lock()
	defer s.mu.Unlock()
	loops := make(map[*inbox]struct{})
	pending := len(s.revoked)
	for c, p := range s.byConn {
		switch {
		case p.revoked || k != nil && k.InForce(p.pass):
			continue
		case p.loop == nil:
			s.revoked = append(s.revoked, c)
		default:
			p.loop.put(assignment{conn: c, cause: causeRevoked})
			loops[p.loop] = struct{}{}
		}
		p.revoked = true
	}
	for loop := range loops {
		loop.wake()
	}
	if len(s.revoked) > pending {
		s.wake()
	}
}

// takeRevoked returns the connections to be ended that are no members.
func (s *passes) takeRevoked() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.revoked
	s.revoked = nil
	return slices.DeleteFunc(taken, func(c *conn) bool {
		p := s.byConn[c]
		return p == nil || p.loop != nil // it was closed or assigned since
	})
}

// An answerQueue has the answers of a keyring until the acceptor takes them.
type answerQueue struct {
	mu      sync.Mutex
	waiting []answer
	wake    func() // wakes the acceptor's loop; nil before there is one
	closed  bool
}

// An answer is what came of checking the key that a connection gave.
type answer struct {
	conn    *conn
	checked Checked
}

// open sets what wakes the acceptor's loop.
func (q *answerQueue) open(wake func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake = wake
}

// put adds an answer. It does not block.
func (q *answerQueue) put(a answer) {
	q.mu.Lock()
	defer q.mu.Unlock() // so that it wakes no loop that has been destroyed
	if q.closed {
		return
	}
	q.waiting = append(q.waiting, a)
	if len(q.waiting) == 1 {
		q.wake()
	}
}

// take returns all answers.
func (q *answerQueue) take() []answer {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting = nil
	return taken
}

// close has later answers be dropped.
func (q *answerQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.wake, q.waiting = true, nil, nil
}

// RevokePasses disconnects the clients whose passes are not in force any more. That
// happens soon after.
func (s *Server) RevokePasses() { s.passes.revoke(s.config.Keyring) }

// useKeyring has the acceptor take keys for right that a keyring has.
func (a *acceptor) useKeyring(k Keyring, q *answerQueue) {
	a.keyring, a.answers = k, q
	q.open(a.kernel.Wake)
}

// check has the key of a connection checked that opens no room, and reports whether the
// connection waits for the answer. Otherwise the room is set if the key is right.
func (a *acceptor) check(p *pendingConn, m *wire.Message) (waits bool) {
	if a.keyring == nil {
		return false
	}
	c := p.conn
	if p.checked == nil {
		queue := a.answers
		checked, atOnce := a.keyring.Check(string(m.Text()), sourceOf(p), func(checked Checked) { queue.put(answer{c, checked}) })
		if !atOnce {
			a.wait(p)
			return true
		}
		p.checked = &checked
	}
	if pass := p.checked.Pass; p.checked.Verdict == RightKey && a.passes.admit(c, pass, a.keyring) {
		p.room = a.rooms.named(pass.Room)
		if p.room != nil && p.room.verify.Load() {
			c.Name = pass.Label // whatever it calls itself
		}
	}
	return false
}

// wrongKey returns why a connection is refused whose key opens no room.
func (p *pendingConn) wrongKey() cause {
	if p.checked != nil && p.checked.Verdict == Unchecked {
		return causeTooMany
	}
	return causeKey
}

// attendKeyring goes on with the connections whose keys have been checked, and ends those
// whose passes have been taken away before they were members.
func (a *acceptor) attendKeyring() {
	if a.keyring == nil {
		return
	}
	for _, answer := range a.answers.take() {
		if p := a.byConn[answer.conn]; p != nil {
			p.checked = &answer.checked
			a.goOn(answer.conn)
		}
	}
	for _, c := range a.passes.takeRevoked() {
		a.end(c, causeRevoked)
	}
}
