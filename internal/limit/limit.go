//go:build linux

// Package limit bounds the connections that a listener accepts, until they are clients
// of the chat server, which has bounds of its own.
//
// It knows addresses and TCP, and nothing of what the connections are for.
package limit

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Limiter bounds connections, until they are closed or released.
//
// Beyond a bound, the connection that has been idle for longest is evicted:
// beyond that of an address one of the same address, beyond that of all one of
// the address that has most. So an address that opens many keeps no other out.
// Connections from a trusted proxy are not one address's; they are evicted last.
//
// All the pages of a large office may come at the same moment, such as after a restart.
// So there are two exceptions. For a short grace, an address may have more connections
// than later. And when more requests come than there is CPU time for, the
// connection to evict is one whose request has come and was not read yet. It is not
// evicted. Instead, the next are accepted later.
type Limiter struct {
	inAll, perAddress int
	spared            func(netip.Addr) bool
	grace             time.Duration // how long a connection is spared that its address has too many
	patience          time.Duration // how long accepting waits at most, each time

	mu     sync.Mutex
	count  int
	isDue  bool                      // evictLate will be called
	groups map[netip.Addr]*list.List // of *Conn by RateKey, the least recently used first
}

// A Conn is a connection that a limiter knows.
type Conn struct {
	*net.TCPConn
	limiter *Limiter
	isRead  atomic.Bool // somebody has begun to read

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

// A Config says how many connections there may be.
type Config struct {
	// InAll is how many there may be in all, and PerAddress how many of one address. 0
	// is 1,024, or an eighth of the descriptors that the process may have if that is
	// less, and a quarter of all.
	InAll, PerAddress int
	// Spared reports whether an address is a trusted proxy's; nil if none is.
	Spared func(netip.Addr) bool
}

// New returns a limiter.
func New(c Config) *Limiter {
	l := &Limiter{inAll: c.InAll, perAddress: c.PerAddress, spared: c.Spared, grace: grace, patience: acceptPatience, groups: make(map[netip.Addr]*list.List)}
	if l.spared == nil {
		l.spared = func(netip.Addr) bool { return false }
	}
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

// Listener returns a listener that bounds what it accepts from another, which is one of
// TCP. Its connections are of type *Conn.
func (l *Limiter) Listener(inner net.Listener) net.Listener { return listener{inner, l} }

// Count returns how many connections there are.
func (l *Limiter) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// add counts a connection for an address, as the most recently used. After that,
// waitForSpace has to be called.
func (l *Limiter) add(c *Conn, addr netip.Addr) {
	var key netip.Addr
	if !l.spared(addr) {
		key = RateKey(addr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	group := l.groups[key]
	if group == nil {
		group = list.New()
		l.groups[key] = group
	}
	c.key, c.used, c.element = key, time.Now(), group.PushBack(c)
	l.count++
	if key.IsValid() && group.Len() > l.perAddress {
		l.evictLater(l.grace)
	}
}

// makeSpace evicts as many connections as are too many in all, and reports whether that
// is done. It is not if the next to evict waits for its request to be read.
func (l *Limiter) makeSpace(patient bool) (done bool) {
	l.mu.Lock()
	var victims []*Conn
	defer func() {
		l.mu.Unlock()
		reset(victims)
	}()
	for l.count > l.inAll {
		group := l.largest()
		if patient && oldest(group).isUnread() {
			return false
		}
		victims = append(victims, l.evict(group))
	}
	return true
}

// grace is how long a connection may be idle although its address has too many: what a
// client that sends at once takes if one of its packets is lost.
const grace = 500 * time.Millisecond

// evictLater has evictLate be called after a while. The caller holds the lock.
func (l *Limiter) evictLater(after time.Duration) {
	if !l.isDue {
		l.isDue = true
		time.AfterFunc(after, l.evictLate)
	}
}

// evictLate evicts the connections that an address has too many and that have had their
// grace, unless they wait for their requests to be read.
func (l *Limiter) evictLate() {
	const pause = 10 * time.Millisecond
	l.mu.Lock()
	l.isDue = false
	var victims []*Conn
	for key, group := range l.groups {
		for key.IsValid() && group.Len() > l.perAddress {
			first := oldest(group)
			left := l.grace - time.Since(first.used)
			if left > 0 || first.isUnread() {
				l.evictLater(max(left, pause))
				break
			}
			victims = append(victims, l.evict(group))
		}
	}
	l.mu.Unlock()
	reset(victims)
}

// acceptPatience is longer than it takes to read as many requests as may wait, if the
// server is not stuck.
const acceptPatience = 500 * time.Millisecond

// waitForSpace makes space for a new connection.
func (l *Limiter) waitForSpace() {
	const pause = time.Millisecond
	for begun := time.Now(); !l.makeSpace(time.Since(begun) < l.patience); {
		time.Sleep(pause)
	}
}

// Read notes that somebody reads: from then on it is the client that is waited for.
func (c *Conn) Read(b []byte) (int, error) {
	c.isRead.Store(true)
	return c.TCPConn.Read(b)
}

// isUnread reports whether something has come over a connection that nobody has
// begun to read.
func (c *Conn) isUnread() bool {
	if c.isRead.Load() {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	unread := 0
	failed := raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return failed == nil && err == nil && unread > 0
}

// largest returns the group that has most, of several the one whose first
// connection was not used for longest. That of the proxies counts as empty.
func (l *Limiter) largest() (found *list.List) {
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

func oldest(group *list.List) *Conn { return group.Front().Value.(*Conn) }

// evict takes the least recently used connection out of a group. The caller
// has to close it.
func (l *Limiter) evict(group *list.List) *Conn {
	c := oldest(group)
	l.remove(c)
	return c
}

// evictAny evicts a connection, because something else needs its descriptor,
// and reports whether there was one.
func (l *Limiter) evictAny() bool {
	l.mu.Lock()
	var victim *Conn
	if l.count > 0 {
		victim = l.evict(l.largest())
	}
	l.mu.Unlock()
	if victim == nil {
		return false
	}
	victim.Reset()
	return true
}

// Touch makes a connection the most recently used of its address.
func (c *Conn) Touch() {
	l := c.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.element != nil {
		c.used = time.Now()
		l.groups[c.key].MoveToBack(c.element)
	}
}

// remove takes a connection out of its group, if it is in one. The caller holds
// the lock.
func (l *Limiter) remove(c *Conn) {
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

// Limited returns the connection, also from a type that it is embedded in.
func (c *Conn) Limited() *Conn { return c }

// Release stops counting the connection, which from then on is not evicted.
func (c *Conn) Release() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.limiter.remove(c)
}

// Close closes the connection and stops counting it.
func (c *Conn) Close() error {
	c.limiter.mu.Lock()
	c.closed = true
	c.limiter.remove(c)
	c.limiter.mu.Unlock()
	return c.TCPConn.Close()
}

// Reset closes the connection at once, also in the kernel: what was not sent
// yet is dropped, and not kept for a peer that may never read it.
func (c *Conn) Reset() {
	c.SetLinger(0)
	c.Close()
}

func reset(all []*Conn) {
	for _, c := range all {
		c.Reset()
	}
}

// A listener counts the connections it accepts.
type listener struct {
	net.Listener
	limiter *Limiter
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
		c := &Conn{TCPConn: accepted.(*net.TCPConn), limiter: l.limiter}
		l.limiter.add(c, addressOf(c))
		l.limiter.waitForSpace()
		return c, nil
	}
}

func addressOf(c net.Conn) netip.Addr {
	at, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return at.Addr().Unmap()
}
