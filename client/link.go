package client

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// silence is how long nothing that was sent may get through, or on an idle
	// connection how long the peer may be silent, before the connection is given
	// up. A retransmission falls into its last seconds, so that an outage of 20 s
	// is survived.
	silence = 30 * time.Second
	// looks is how often a link looks in that time whether something gets through.
	looks = 30
	// probeTime is how long the peer has to answer a Probe.
	probeTime = 8 * time.Second
	// mostUnanswered is how many retransmissions and probes of the kernel in a
	// row may go unanswered.
	mostUnanswered = 3
)

// usualKeepAlive notices within silence that the peer of an idle connection is
// gone, probingKeepAlive within probeTime.
var (
	usualKeepAlive   = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
	probingKeepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: 2 * time.Second, Count: 3}
)

// A link is the connection underneath, below TLS. It counts what is written and
// what of that the peer's kernel has acknowledged, and closes a connection
// through which nothing gets any more.
//
// On Linux the kernel is asked. TCP_USER_TIMEOUT would also end a connection
// whose peer is alive and does not read, as a server that holds the room; so the
// link decides itself. Elsewhere the kernel has its own limit, see
// limitRetransmission, and what it has taken counts as acknowledged.
type link struct {
	net.Conn
	tcp     *net.TCPConn // nil if it is something else
	silence time.Duration

	mu       sync.Mutex
	offered  int64     // bytes to be written so far
	written  int64     // bytes that were
	acked    int64     // bytes known to be acknowledged
	movedAt  time.Time // when acked grew, or when there was something to acknowledge
	counts   bool      // the kernel says what is acknowledged
	base     int64     // what it counts besides
	watching bool      // look will be called
	probedAt time.Time // zero if no answer is waited for
	closed   bool
	gaveUp   bool // closed by itself
}

func newLink(conn net.Conn, silence time.Duration) *link {
	l := &link{Conn: conn, silence: silence}
	if l.tcp, _ = conn.(*net.TCPConn); l.tcp != nil {
		l.tcp.SetKeepAliveConfig(usualKeepAlive)
		limitRetransmission(l.tcp, silence)
	}
	return l
}

// countFromHere begins to count what is acknowledged. It is called when
// everything that was written is known to be, because it was answered; a kernel
// that has not counted that does not count.
func (l *link) countFromHere() {
	if l.tcp == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := askKernel(l.tcp)
	if l.counts = ok && s.acked >= l.written; l.counts {
		l.acked, l.base = l.written, s.acked-l.written
	}
}

func (l *link) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.watch()
	l.offered += int64(len(b))
	l.mu.Unlock()
	n, err := l.Conn.Write(b)
	l.mu.Lock()
	l.written += int64(n)
	l.mu.Unlock()
	return n, err
}

// CloseWrite closes the sending direction, if the connection has one.
func (l *link) CloseWrite() error {
	half, ok := l.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	if l.tcp != nil {
		l.mu.Lock()
		l.watch()
		l.offered++ // a FIN is acknowledged like a byte
		l.written++
		l.mu.Unlock()
	}
	return half.CloseWrite()
}

func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.close()
}

// discard makes Close end the connection with a reset: what was not acknowledged
// is not sent by the kernel later, when it has been sent again already.
func (l *link) discard() {
	if l.tcp != nil {
		l.tcp.SetLinger(0)
	}
}

func (l *link) close() error {
	l.refresh() // for the last time
	l.closed = true
	return l.Conn.Close()
}

// acknowledged returns how many bytes the peer's kernel has acknowledged.
func (l *link) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	return l.acked
}

// position returns how many bytes were to be written so far.
func (l *link) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offered
}

// isGivenUp reports whether the link has closed the connection by itself.
func (l *link) isGivenUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gaveUp
}

// probe wants an answer of the peer's kernel within probeTime.
func (l *link) probe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.tcp == nil {
		return
	}
	l.probedAt = time.Now()
	l.tcp.SetKeepAliveConfig(probingKeepAlive)
	l.watch()
}

// refresh asks the kernel.
func (l *link) refresh() (s tcpState) {
	if l.closed {
		return s
	}
	acked := l.written
	if l.counts {
		var ok bool
		if s, ok = askKernel(l.tcp); !ok {
			return s
		}
		acked = s.acked - l.base
	}
	if acked > l.acked {
		l.acked, l.movedAt = acked, time.Now()
	}
	return s
}

// watch makes look be called later. It is called before anything is written.
func (l *link) watch() {
	if l.acked == l.offered {
		l.movedAt = time.Now()
	}
	if !l.watching && (l.counts || !l.probedAt.IsZero()) {
		l.watching = true
		time.AfterFunc(l.silence/looks, l.look)
	}
}

// look gives the connection up if nothing gets through.
func (l *link) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watching = false
	if l.closed {
		return
	}
	s := l.refresh()
	if l.stuck(s) || l.probeFailed(s) {
		l.gaveUp = true
		l.discard()
		l.close()
		return
	}
	if l.acked < l.offered || !l.probedAt.IsZero() {
		l.watch()
	}
}

// stuck reports whether what was sent does not get through. A peer whose window
// is shut gets nothing, and that is all right as long as it answers.
func (l *link) stuck(s tcpState) bool {
	return l.acked < l.offered && time.Since(l.movedAt) >= l.silence && s.unanswered >= mostUnanswered &&
		(!s.windowShut || s.quiet >= l.silence)
}

// probeFailed reports whether a probe was not answered. It takes an answer, or
// the end of the time on systems that can't be asked, for the end of it.
func (l *link) probeFailed(s tcpState) bool {
	if l.probedAt.IsZero() {
		return false
	}
	since := time.Since(l.probedAt)
	const coarse = 20 * time.Millisecond // the kernel's clock
	answered := l.counts && (s.quiet+coarse < since || s.windowShut)
	if !answered && since < probeTime {
		return false
	}
	l.probedAt = time.Time{}
	l.tcp.SetKeepAliveConfig(usualKeepAlive)
	return l.counts && !answered
}

// A tcpState is what the kernel knows of a connection.
type tcpState struct {
	acked      int64         // bytes, perhaps with some that are none of ours
	quiet      time.Duration // since the peer acknowledged anything
	unanswered int           // retransmissions or probes in a row
	windowShut bool          // the peer takes nothing now
}
