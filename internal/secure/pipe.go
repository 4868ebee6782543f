//go:build linux

package secure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sop-chat/internal/netpoll"
)

const (
	// pairBuffer is how many bytes the socket pair holds in each direction. It is small,
	// so that the server knows what the client has taken.
	pairBuffer = 16 << 10
	// recordSize is how many bytes a pipe passes on at a time: what one TLS record
	// carries at most.
	recordSize = 16 << 10
)

// buffers are for pipes that have something to pass on. An idle one has none.
var buffers = sync.Pool{New: func() any { return new([recordSize]byte) }}

// A Pipe passes plain bytes on between a TLS connection and the server, with a goroutine
// for each direction. It owns the connection and one end of the socket pair, and closes
// both when both goroutines have ended. The other end is the server's.
//
// How it ends:
//
//	the client   ends its stream: what it sent before is passed on, then the end. The
//	             server closes its end.
//	             vanishes: the same. Its last message may be incomplete, and the server
//	             drops that.
//	the server   closes its end: what it wrote before is passed on, then the end of TLS
//	             and of TCP. A client that does not take it is reset after overdueTimeout.
type Pipe struct {
	terminator *Terminator
	server     int      // the server's end, until Start
	local      *os.File // the pipe's end
	localRaw   syscall.RawConn
	tls        *tls.Conn
	conn       *conn
	counted    bool         // by the terminator
	timeoutOff bool         // so is TCP_USER_TIMEOUT, while the window is; used by watch alone
	goroutines atomic.Int32 // that are running
	failed     atomic.Bool  // the client can't be sent anything more
	sent       atomic.Bool  // nothing more is sent to the client
	windowShut atomic.Bool  // the client takes nothing; set by watch

	// Used by the sending goroutine alone.
	hungUpAt time.Time // when it was found out that the server has closed its end
	fill     transfer
	buffer   *[recordSize]byte
}

// NewPipe returns a pipe for a connection of one of the terminator's listeners. Either Start
// or Cancel has to be called.
func (t *Terminator) NewPipe() (*Pipe, error) {
	server, local, err := netpoll.Pair(pairBuffer)
	if err != nil {
		return nil, err
	}
	p := &Pipe{terminator: t, server: server, local: os.NewFile(uintptr(local), "socketpair")}
	if full := t.config.Full; full > 0 && max(server, local) >= full {
		p.Cancel()
		return nil, fmt.Errorf("%w: the other descriptors are not for connections", syscall.EMFILE)
	}
	if p.localRaw, err = p.local.SyscallConn(); err != nil {
		p.Cancel()
		return nil, err
	}
	return p, nil
}

// Cancel closes both ends of a pipe that was not started.
func (p *Pipe) Cancel() {
	netpoll.Close(p.server)
	p.local.Close()
}

// Start takes over a connection of one of the terminator's listeners, and returns the
// server's end, which does not block and belongs to the caller.
func (p *Pipe) Start(c net.Conn) (fd int) {
	p.tls = c.(*tls.Conn)
	p.conn = p.tls.NetConn().(*conn)
	p.conn.Release()
	p.conn.Conn.SetDeadline(time.Time{})
	p.conn.setPipe(p)
	p.fill.call = p.take
	p.conn.raw.Control(func(fd uintptr) {
		netpoll.Tune(int(fd), p.peer().Addr(), p.terminator.config.PeerTimeout)
	})
	if p.counted = p.terminator.add(p); !p.counted {
		p.close()
		return p.server
	}
	p.goroutines.Store(2)
	go p.send()
	go p.receive()
	return p.server
}

// peer returns the client's address.
func (p *Pipe) peer() netip.AddrPort { return peerOf(p.conn) }

// leave ends one of the goroutines. The last one closes everything.
func (p *Pipe) leave() {
	if p.goroutines.Add(-1) == 0 {
		p.close()
	}
}

// lastTimeout is for how long the kernel offers what is left to a client.
const lastTimeout = 10 * time.Second

func (p *Pipe) close() {
	if p.failed.Load() {
		p.conn.SetLinger(0) // or the kernel would keep what the client does not read
	} else {
		p.conn.raw.Control(func(fd uintptr) { netpoll.SetUserTimeout(int(fd), lastTimeout) })
	}
	p.conn.Close()
	p.local.Close()
	if p.counted {
		p.terminator.remove(p)
	}
}

// abort resets the connection, so that both goroutines end.
func (p *Pipe) abort() {
	p.failed.Store(true)
	p.conn.Reset()
	p.local.Close()
}

const (
	// overdueChecks is how often it is checked, while the client takes nothing, whether
	// the server has closed its end.
	overdueChecks = time.Second
	// overdueTimeout is how long the client then has for what is left.
	overdueTimeout = 10 * time.Second
)

var errOverdue = errors.New("did not take in time what was left for it")

// isOverdue reports whether the server closed its end so long ago that the client need not
// be waited for any more.
func (p *Pipe) isOverdue() bool {
	if p.hungUpAt.IsZero() {
		hungUp := false
		if p.localRaw.Control(func(fd uintptr) { hungUp = netpoll.HungUp(int(fd)) }) != nil {
			return true // it was aborted
		}
		if hungUp {
			p.hungUpAt = time.Now()
		}
		return false
	}
	return time.Since(p.hungUpAt) >= p.terminator.config.overdue
}

// log logs why a direction has ended, if it is not the usual end.
func (p *Pipe) log(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.terminator.config.Logger.Debug("a TLS connection ended", slog.String("address", p.peer().String()), slog.String("reason", err.Error()))
	}
}
