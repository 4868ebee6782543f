//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/netpoll"
)

// The generations that no connection has. The poller keeps 0 for itself.
const (
	listenerGeneration = 1 + iota
	firstGeneration
)

// A table holds the connections of a loop that its poller waits for, by descriptor.
type table struct {
	conns      []*conn // nil where there is none
	generation uint32  // of the connection that was added last
}

// register adds a connection to the table and the poller.
func (t *table) register(k kernel, c *conn, want netpoll.Interest) syscall.Errno {
	fd := int(c.fd)
	if fd >= len(t.conns) {
		t.conns = append(t.conns, make([]*conn, fd+1-len(t.conns))...)
	}
	t.generation = max(t.generation+1, firstGeneration) // it may wrap around
	c.generation = t.generation
	c.interest = want
	errno := k.Add(fd, c.generation, want)
	if errno == 0 {
		t.conns[fd] = c
	}
	return errno
}

// lookup returns the connection an event is about, or nil if it is about a
// listener or a connection that has been closed.
func (t *table) lookup(e *netpoll.Event) *conn {
	if e.FD >= len(t.conns) {
		return nil
	}
	if c := t.conns[e.FD]; c != nil && c.generation == e.Generation {
		return c
	}
	return nil
}

func (t *table) has(c *conn) bool { return int(c.fd) < len(t.conns) && t.conns[c.fd] == c }

// remove removes a connection from the table, if it is there.
func (t *table) remove(c *conn) {
	if t.has(c) {
		t.conns[c.fd] = nil
	}
}
