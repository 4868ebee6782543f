package client

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxSilence is how long data may make no progress, or on an idle connection
	// how long the peer may be silent, before the connection is abandoned. A
	// retransmission falls into its last seconds, so that a connection survives an
	// outage of 20 s.
	maxSilence = 30 * time.Second
	// checksPerSilence is how often a link checks for progress in that time.
	checksPerSilence = 30
	// probeTimeout is how long the peer has to answer a Probe.
	probeTimeout = 8 * time.Second
	// maxUnanswered is how many retransmissions and probes of the kernel in a row
	// may go unanswered.
	maxUnanswered = 3
)

// With usualKeepAlive the kernel notices within maxSilence that the peer of an idle
// connection is gone, with probingKeepAlive within probeTimeout.
var (
	usualKeepAlive   = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
	probingKeepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: 2 * time.Second, Count: 3}
)

// A link is the connection below TLS. It counts the bytes that are written and
// those that the peer's kernel has acknowledged, and abandons a connection that
// makes no progress.
//
// On Linux it reads these numbers from the kernel. TCP_USER_TIMEOUT would also end
// a connection whose peer is alive and does not read, such as a server that holds
// the room, so the link decides itself. Elsewhere the kernel has its own limit, see
// limitRetransmission, and bytes that it has taken count as acknowledged.
type link struct {
	net.Conn
	tcp     *net.TCPConn // nil if it is something else
	silence time.Duration

	mu             sync.Mutex
	offered        int64     // bytes to be written so far
	written        int64     // bytes that were
	acked          int64     // bytes known to be acknowledged
	progressAt     time.Time // when acked grew, or when there was something to acknowledge
	counts         bool      // the kernel says what is acknowledged
	base           int64     // what it counts besides
	checkScheduled bool      // look will be called
	probedAt       time.Time // zero if no answer is waited for
	closed         bool
	abandoned      bool // closed by itself
}

func newLink(conn net.Conn, silence time.Duration) *link {
	l := &link{Conn: conn, silence: silence}
	if l.tcp, _ = conn.(*net.TCPConn); l.tcp != nil {
		l.tcp.SetKeepAliveConfig(usualKeepAlive)
		limitRetransmission(l.tcp, silence)
	}
	return l
}

// startCounting begins to count what is acknowledged. It is called when everything
// that was written must have been acknowledged, because the server has answered. A
// kernel that reports less does not count.
func (l *link) startCounting() {
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
	l.scheduleCheck()
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
		l.scheduleCheck()
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

// discard makes Close end the connection with a reset, so that the kernel does not
// send unacknowledged bytes later, when they have been sent again already.
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

// position returns how many bytes Write was given so far.
func (l *link) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offered
}

// isAbandoned reports whether the link has closed the connection by itself.
func (l *link) isAbandoned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.abandoned
}

// abandon closes the connection because the peer does not answer.
func (l *link) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.abandonLocked()
	}
}

func (l *link) abandonLocked() {
	l.abandoned = true
	l.discard()
	l.close()
}

// probe makes the link expect an answer of the peer's kernel within probeTimeout.
func (l *link) probe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.tcp == nil {
		return
	}
	l.probedAt = time.Now()
	l.tcp.SetKeepAliveConfig(probingKeepAlive)
	l.scheduleCheck()
}

// refresh reads from the kernel what is acknowledged.
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
		l.acked, l.progressAt = acked, time.Now()
	}
	return s
}

// scheduleCheck schedules a call of check. It is called before anything is written.
func (l *link) scheduleCheck() {
	if l.acked == l.offered {
		l.progressAt = time.Now()
	}
	if !l.checkScheduled && (l.counts || !l.probedAt.IsZero()) {
		l.checkScheduled = true
		time.AfterFunc(l.silence/checksPerSilence, l.check)
	}
}

// check abandons the connection if it makes no progress.
func (l *link) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkScheduled = false
	if l.closed {
		return
	}
	s := l.refresh()
	if l.stuck(s) || l.probeFailed(s) {
		l.abandonLocked()
		return
	}
	if l.acked < l.offered || !l.probedAt.IsZero() {
		l.scheduleCheck()
	}
}

// stuck reports whether sent data makes no progress. It makes none while the peer's
// window is zero either, which is fine as long as the peer answers.
func (l *link) stuck(s tcpState) bool {
	return l.acked < l.offered && time.Since(l.progressAt) >= l.silence && s.unanswered >= maxUnanswered &&
		(!s.zeroWindow || s.quiet >= l.silence)
}

// probeFailed reports whether a probe was not answered in time. An answer ends the
// probe, and so does the timeout on systems whose kernel does not count.
func (l *link) probeFailed(s tcpState) bool {
	if l.probedAt.IsZero() {
		return false
	}
	since := time.Since(l.probedAt)
	const coarse = 20 * time.Millisecond // the kernel's clock
	answered := l.counts && (s.quiet+coarse < since || s.zeroWindow)
	if !answered && since < probeTimeout {
		return false
	}
	l.probedAt = time.Time{}
	l.tcp.SetKeepAliveConfig(usualKeepAlive)
	return l.counts && !answered
}

// A tcpState is what the kernel knows of a connection.
type tcpState struct {
	acked      int64         // bytes, possibly with some from before the link
	quiet      time.Duration // since the peer acknowledged anything
	unanswered int           // retransmissions or probes in a row
	zeroWindow bool          // the peer takes nothing now
}
