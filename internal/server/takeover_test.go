//go:build linux

package server

import (
	"slices"
	"testing"
)

// An identity goes from the connection that has it to the last that asked for it, when
// that ends, and nothing stays of those that have left.
func TestIdentities(t *testing.T) {
	s, woken := newIdentities(), 0
	s.wake = func() { woken++ }
	first, second, third, other := new(conn), new(conn), new(conn), new(conn)
	of := new(inbox)
	expect := func(c *conn, wantFormer *conn, wantOf *inbox, wantWaiting *conn) {
		t.Helper()
		if got, want := s.claim(nil, 7, c), (claimed{former: wantFormer, of: wantOf, waiting: wantWaiting, isKnown: wantOf != nil}); got != want {
			t.Errorf("%+v is in its way, want %+v", got, want)
		}
	}
	expect(first, nil, nil, nil)
	s.assign(first, of, func() {})
	s.assign(other, of, func() {}) // has no identity
	s.claim(nil, 8, other)
	expect(second, first, of, nil)
	expect(third, first, of, second)
	s.leave(second)
	if woken > 0 || len(s.takeReady()) > 0 {
		t.Error("one that waits need not any more when another has given up waiting")
	}
	s.leave(first)
	if ready := s.takeReady(); woken != 1 || !slices.Equal(ready, []*conn{third}) {
		t.Errorf("after the first has left, %v are ready, and the loop was woken %d times", ready, woken)
	}
	expect(third, nil, nil, nil) // it has it
	if i := s.byID[identityID{nil, 7}]; i == nil || i.conn != third {
		t.Error("the third does not have the identity")
	}
	expect(second, third, nil, nil)
	s.leave(second) // while it waits
	s.leave(third)
	s.leave(other)
	s.leave(other)
	if len(s.byID)+len(s.byConn)+len(s.ready) > 0 || woken != 1 {
		t.Errorf("%d identities stay of %d connections, %d are ready", len(s.byID), len(s.byConn), len(s.ready))
	}
}

// A client that comes back is let in when its former connection has given back the slot
// and the name, not before.
func TestIdentityComesLast(t *testing.T) {
	f := newFanOut(t, 0, raw)
	f.room.names.lookBy(simSkeletons)
	former, later := f.join(numbered).conn, new(conn)
	f.room.names.take(former, claim{}, nowhere)
	f.loop.identities.claim(f.room, 7, former)
	f.loop.identities.claim(f.room, 7, later)
	taken, isWoken := f.room.taken.Load(), false
	f.loop.identities.wake = func() {
		isWoken = true
		if n := f.room.taken.Load(); n != taken-1 || len(f.room.names.byConn) > 0 {
			t.Errorf("the client may come, and %d of %d slots and %d names are taken", n, taken, len(f.room.names.byConn))
		}
	}
	f.loop.endings.add(former, causeReplaced)
	f.loop.closeEnded()
	if !isWoken {
		t.Error("nobody is told that the client may come")
	}
}

// Each room without a history has an epoch of its own, which is random.
func TestStart(t *testing.T) {
	a, b := newStart(), newStart()
	if a.Current() == 0 || a == b || !a.Has(a.Current()) || a.Has(b.Current()) {
		t.Errorf("the epochs are %x and %x", a.Current(), b.Current())
	}
	if own, other := a.Known(a.Current(), 7), a.Known(b.Current(), 7); own != 7 || other != 0 {
		t.Errorf("of 7 messages %d are known of its own epoch, and %d of another", own, other)
	}
}
