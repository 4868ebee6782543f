//go:build linux

package server

import (
	"net/netip"
	"syscall"
	"testing"
)

// A refusingKernel accepts no connection; those that wait at the listener stay
// there.
type refusingKernel struct {
	*simKernel
	errno syscall.Errno
	calls int
}

func (k *refusingKernel) Accept(int) (int, netip.AddrPort, syscall.Errno) {
	k.calls++
	return -1, netip.AddrPort{}, k.errno
}

// Accepting pauses when the call itself is refused, for whatever reason, so that
// the loop does not spin on a listener that stays readable. Afterwards it is tried
// again.
func TestAcceptIsRefused(t *testing.T) {
	for _, errno := range []syscall.Errno{
		syscall.EPERM, syscall.EACCES, syscall.ECONNABORTED, syscall.EINTR, syscall.EOPNOTSUPP,
		syscall.EMFILE, syscall.ENOMEM, syscall.ENOSYS,
	} {
		w := emptyWorld(1)
		w.config = simConfig{loops: 1}
		w.begin()
		w.addRoom(simRoomConfig{first: 1, backlog: 256 << 10})
		l := w.loops[0]
		k := &refusingKernel{l.kernel.(*simKernel), errno, 0}
		l.kernel = k
		for range 3 {
			k.calls = 0
			l.update(l.now.Add(shortagePause), l.now)
			l.acceptor.resumeAccept()
			l.acceptAt(listenerFD)
			if k.calls == 0 || k.calls > maxAccepts {
				t.Errorf("%v: tried %d times in one wake-up, want 1 to %d", errno, k.calls, maxAccepts)
			}
			if l.acceptor.deadline() != l.now.Add(shortagePause) {
				t.Errorf("%v: accepting goes on at once", errno)
			}
		}
	}
}
