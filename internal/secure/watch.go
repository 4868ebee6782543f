//go:build linux

package secure

import (
	"maps"
	"slices"
	"time"

	"sop-chat/internal/netpoll"
)

// windowChecks is how often a window is checked within the time after which the kernel
// would give the connection up.
const windowChecks = 4

// watch keeps TCP_USER_TIMEOUT from ending a connection whose peer is alive but does not
// read, as the server does for its own connections.
func (t *Terminator) watch() {
	tick := time.NewTicker(t.config.PeerTimeout / windowChecks)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
		}
		t.mu.Lock()
		pipes := slices.Collect(maps.Keys(t.pipes))
		t.mu.Unlock()
		for _, p := range pipes {
			p.checkWindow()
		}
	}
}

func (p *Pipe) checkWindow() {
	p.conn.raw.Control(func(fd uintptr) {
		closed := netpoll.WindowClosed(int(fd))
		p.windowShut.Store(closed)
		if closed == p.timeoutOff {
			return
		}
		p.timeoutOff = closed
		timeout := p.terminator.config.PeerTimeout
		if closed {
			timeout = 0
		}
		netpoll.SetUserTimeout(int(fd), timeout)
	})
}

// windowPause is how long nothing is passed on to a client whose window is closed until it
// is looked at again.
const windowPause = 100 * time.Millisecond

// waitForWindow waits until the window of a client is open. What is passed on meanwhile
// would only lie in the kernel. Not doing so tells the server that the client does not read:
// it need not answer pings then.
func (p *Pipe) waitForWindow() error {
	for p.windowShut.Load() {
		if p.isOverdue() {
			return errOverdue
		}
		time.Sleep(windowPause)
		closed := false
		p.conn.raw.Control(func(fd uintptr) { closed = netpoll.WindowClosed(int(fd)) })
		p.windowShut.Store(closed)
	}
	return nil
}
