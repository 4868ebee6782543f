//go:build linux

package server

import (
	"math"
	"sync"
	"sync/atomic"
)

// Skeletons returns what a name looks like. Two names look alike if they have a skeleton
// in common. The acceptor calls it, so it has to be quick, and know nothing of this package.
type Skeletons func(name string) []string

// takenNames are the names of a room's clients, by what they look like. A client has its
// name as long as its slot. Any goroutine may call the methods: clients come at one loop,
// and leave at theirs.
type takenNames struct {
	by atomic.Pointer[Skeletons] // RoomConfig.UniqueNames; nil: any name may be taken

	mu     sync.Mutex
	byConn map[*conn]takenName
	taken  map[string]struct{}
}

// A takenName is a name that a client has for itself.
type takenName struct {
	skeletons []string
	claim
}

// A claim is which client has a name, and since when.
type claim struct {
	since  int64  // ms since 1970
	client uint64 // see clientToken; 0: it does not say
}

// latest is since when a client has its name that has yet to get it: after all others.
const latest = math.MaxInt64

// lookBy sets what names look like; nil permits all.
func (n *takenNames) lookBy(by Skeletons) {
	if by == nil {
		n.by.Store(nil)
		return
	}
	n.by.Store(&by)
}

// take takes the name of a connection. It reports false if another has a name that looks
// like it, here or elsewhere.
func (n *takenNames) take(c *conn, as claim, elsewhere func() *otherClients) bool {
	by := n.by.Load()
	if by == nil {
		return true
	}
	skeletons := (*by)(c.Name)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range skeletons {
		if _, isTaken := n.taken[s]; isTaken {
			return false
		}
	}
	// It is looked there under the lock: so what becomes known later is compared with this name, see Room.losers.
	if e := elsewhere(); e != nil {
		if e.isTaken(skeletons, claim{latest, as.client}) {
			return false
		}
		as.since = min(as.since, e.since(skeletons, as.client))
	}
	if n.taken == nil {
		n.byConn, n.taken = make(map[*conn]takenName), make(map[string]struct{})
	}
	n.byConn[c] = takenName{skeletons, as}
	for _, s := range skeletons {
		n.taken[s] = struct{}{}
	}
	return true
}

// free gives back the name of a connection, if it took one.
func (n *takenNames) free(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.byConn[c].skeletons {
		delete(n.taken, s)
	}
	delete(n.byConn, c)
}

// since returns since when a connection has its name for itself, in milliseconds; 0 if it has
// not.
func (n *takenNames) since(c *conn) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byConn[c].claim.since
}

// eachRun is how many names are looked at before others may take the lock.
const eachRun = 256

// each calls f with the names that are taken. Those that are taken or given back meanwhile may
// be among them.
func (n *takenNames) each(f func(*conn, *takenName)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	run := 0
	for c, name := range n.byConn {
		f(c, &name)
		if run++; run%eachRun == 0 {
			n.mu.Unlock()
			n.mu.Lock()
		}
	}
}
