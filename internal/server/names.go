//go:build linux

package server

import (
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
	byConn map[*conn][]string
	taken  map[string]struct{}
}

// lookBy sets what names look like; nil permits all.
func (n *takenNames) lookBy(by Skeletons) {
	if by == nil {
		n.by.Store(nil)
		return
	}
	n.by.Store(&by)
}

// take takes the name of a connection. It reports false if another has a name that looks
// like it.
func (n *takenNames) take(c *conn) bool {
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
	if n.taken == nil {
		n.byConn, n.taken = make(map[*conn][]string), make(map[string]struct{})
	}
	n.byConn[c] = skeletons
	for _, s := range skeletons {
		n.taken[s] = struct{}{}
	}
	return true
}

// free gives back the name of a connection, if it took one.
func (n *takenNames) free(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.byConn[c] {
		delete(n.taken, s)
	}
	delete(n.byConn, c)
}
