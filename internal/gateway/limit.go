//go:build linux

package gateway

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// A limiter bounds the connections to the page's port, until they are WebSockets:
// then they are the server's, which has bounds of its own.
//
// Beyond a bound, the connection that has been idle for longest is evicted:
// beyond that of an address one of the same address, beyond that of all one of
// the address that has most. So an address that opens many keeps no other out.
// Connections from a trusted proxy are not one address's; they are evicted last.
type limiter struct {
	inAll, perAddress int
	trusts            func(netip.Addr) bool

	mu     sync.Mutex
	count  int
	groups map[netip.Addr]*list.List // of *conn by RateKey, the least recently used first
}

// A conn is a connection that a limiter knows.
type conn struct {
	*net.TCPConn
	limiter *limiter

	// Guarded by limiter.mu.
	key     netip.Addr    // of its group; the zero value is that of trusted proxies
	element *list.Element // in its group; nil if it is not counted
	used    time.Time
	closed  bool
}

// RateKey returns what counts as one address: for IPv6 the network of 64 bits
// of which one host can have every address.
func RateKey(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		prefix, _ := addr.Prefix(64) // fails for other lengths only
		addr = prefix.Addr()
	}
	return addr
}

func newLimiter(c Config, trusts func(netip.Addr) bool) *limiter {
	l := &limiter{inAll: c.MaxPending, perAddress: c.MaxPendingPerAddress, trusts: trusts, groups: make(map[netip.Addr]*list.List)}
	if l.inAll == 0 {
		l.inAll = 1024
		var descriptors syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &descriptors); err == nil {
			// Most descriptors are for members.
			l.inAll = int(max(4, min(1024, descriptors.Cur/8)))
		}
	}
	if l.perAddress == 0 {
		l.perAddress = max(1, l.inAll/4)
	}
	return l
}

// add counts a connection for an address, or moves it there, as the most
// recently used.
func (l *limiter) add(c *conn, addr netip.Addr) {
	var key netip.Addr
	if !l.trusts(addr) {
		key = RateKey(addr)
	}
	l.mu.Lock()
	l.remove(c)
	var victim *conn
	if !c.closed {
		group := l.groups[key]
		if group == nil {
			group = list.New()
			l.groups[key] = group
		}
		c.key, c.used, c.element = key, time.Now(), group.PushBack(c)
		l.count++
		switch {
		case key.IsValid() && group.Len() > l.perAddress:
			victim = l.evict(group)
		case l.count > l.inAll:
			victim = l.evict(l.largest())
		}
	}
	l.mu.Unlock()
	if victim != nil {
		victim.reset()
	}
}

// largest returns the group that has most, of several the one whose first
// connection was not used for longest. That of the proxies counts as empty.
func (l *limiter) largest() (found *list.List) {
	most := -1
	for key, group := range l.groups {
		n := 0
		if key.IsValid() {
			n = group.Len()
		}
		if n > most || n == most && oldest(group).used.Before(oldest(found).used) {
			most, found = n, group
		}
	}
	return found
}

func oldest(group *list.List) *conn { return group.Front().Value.(*conn) }

// evict takes the least recently used connection out of a group. The caller
// has to close it.
func (l *limiter) evict(group *list.List) *conn {
	c := oldest(group)
	l.remove(c)
	return c
}

// evictAny evicts a connection, because something else needs its descriptor,
// and reports whether there was one.
func (l *limiter) evictAny() bool {
	l.mu.Lock()
	var victim *conn
	if l.count > 0 {
		victim = l.evict(l.largest())
	}
	l.mu.Unlock()
	if victim == nil {
		return false
	}
	victim.reset()
	return true
}

// touch makes a connection the most recently used of its address.
func (l *limiter) touch(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.element != nil {
		c.used = time.Now()
		l.groups[c.key].MoveToBack(c.element)
	}
}

// remove takes a connection out of its group, if it is in one. The caller holds
// the lock.
func (l *limiter) remove(c *conn) {
	if c.element == nil {
		return
	}
	group := l.groups[c.key]
	group.Remove(c.element)
	if group.Len() == 0 {
		delete(l.groups, c.key)
	}
	c.element = nil
	l.count--
}

// Close closes the connection and stops counting it.
func (c *conn) Close() error {
	c.limiter.mu.Lock()
	c.closed = true
	c.limiter.remove(c)
	c.limiter.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes the connection at once, also in the kernel: what was not sent
// yet is dropped, and not kept for a peer that may never read it.
func (c *conn) reset() {
	c.SetLinger(0)
	c.Close()
}

// connOf is the key of a request's connection in its context.
type connOf struct{}

// A listener counts the connections it accepts.
type listener struct {
	net.Listener
	limiter *limiter
}

func (l listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) && l.limiter.evictAny() {
			continue // there is a descriptor now
		}
		if err != nil {
			return nil, err
		}
		c := &conn{TCPConn: accepted.(*net.TCPConn), limiter: l.limiter}
		l.limiter.add(c, address(c.RemoteAddr().String()).Addr())
		return c, nil
	}
}
