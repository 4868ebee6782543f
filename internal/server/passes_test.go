//go:build linux

package server

import (
	"net/netip"
	"slices"
	"testing"
)

// A labelKeyring has passes in force by their labels.
type labelKeyring map[string]bool

func (labelKeyring) Check(string, netip.Prefix, func(Checked)) (Checked, bool) {
	return Checked{}, true
}
func (k labelKeyring) InForce(p Pass) bool { return k[p.Label] }

// A connection whose pass is taken away is ended by the loop that has it: by the
// acceptor's before it is assigned to one, and else by that one, once, and behind its
// assignment.
func TestPasses(t *testing.T) {
	s, k, woken := newPasses(), labelKeyring{"a": true, "b": true}, 0
	s.wake = func() { woken++ }
	loopWoken := 0
	of := &inbox{wake: func() { loopWoken++ }}
	pending, assigned, late, other, none := new(conn), new(conn), new(conn), new(conn), new(conn)
	for _, c := range []*conn{pending, assigned, late} {
		if !s.admit(c, Pass{Label: "a"}, k) {
			t.Fatal("a pass is refused that is in force")
		}
	}
	s.admit(other, Pass{Label: "b"}, k)
	s.assign(assigned, of)
	s.assign(none, of)
	if s.label(assigned) != "a" || s.label(other) != "b" || s.label(none) != "" {
		t.Errorf("the labels are %q, %q, %q", s.label(assigned), s.label(other), s.label(none))
	}
	k["a"] = false
	if s.admit(none, Pass{Label: "a"}, k) {
		t.Error("a pass is accepted that is not in force")
	}
	for range 2 {
		s.revoke(k)
	}
	if woken != 1 || loopWoken != 1 {
		t.Errorf("the acceptor was woken %d times, and the loop %d times, want once each", woken, loopWoken)
	}
	// The acceptor has put it into the loop's inbox just before.
	of.put(assignment{conn: late, room: new(Room)})
	s.assign(late, of)
	if got := s.takeRevoked(); !slices.Equal(got, []*conn{pending}) || len(s.takeRevoked()) > 0 {
		t.Errorf("the acceptor is to end %v, want %v", got, pending)
	}
	var ends []*conn
	for i, as := range of.takeAssigned() {
		if as.room == nil && as.cause == causeRevoked {
			ends = append(ends, as.conn)
		} else if as.conn != late || i != 1 {
			t.Errorf("assignment %d is %+v", i, as)
		}
	}
	if !slices.Equal(ends, []*conn{assigned, late}) || loopWoken != 2 {
		t.Errorf("the loop is to end %v, want %v and %v; it was woken %d times", ends, assigned, late, loopWoken)
	}
	for _, c := range []*conn{pending, assigned, late, other, none} {
		s.leave(c)
		s.leave(c)
	}
	if s.size.Load() != 0 || len(s.byConn) > 0 || s.label(other) != "" {
		t.Errorf("%d passes are left", len(s.byConn))
	}
}

// An answer wakes the loop when it is the first; after the end it is dropped.
func TestAnswerQueue(t *testing.T) {
	var q answerQueue
	woken := 0
	q.open(func() { woken++ })
	a, b := new(conn), new(conn)
	q.put(answer{conn: a})
	q.put(answer{conn: b})
	if got := q.take(); len(got) != 2 || got[0].conn != a || got[1].conn != b || woken != 1 {
		t.Errorf("%v, and the loop was woken %d times", got, woken)
	}
	q.put(answer{conn: a})
	q.close()
	q.put(answer{conn: b})
	if got := q.take(); len(got) > 0 || woken != 2 {
		t.Errorf("after the end there is %v, and the loop was woken %d times", got, woken)
	}
}
