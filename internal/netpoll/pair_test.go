//go:build linux

package netpoll

import (
	"syscall"
	"testing"
)

// A pair passes bytes on in both directions, within its bound. Each end tells whether there
// is something to read, whether the other has left something unread, and whether that is
// closed.
func TestPair(t *testing.T) {
	const buffer = 16 << 10
	a, b, err := Pair(buffer)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(a)
	if CanRead(b) || WindowClosed(a) || HungUp(a) {
		t.Errorf("an empty pair: can read %v, unread %v, hung up %v", CanRead(b), WindowClosed(a), HungUp(a))
	}
	written := 0
	for {
		n, errno := Write(a, make([]byte, 1000))
		if written += n; errno != 0 {
			if errno != syscall.EAGAIN {
				t.Errorf("writing to a full pair: %v", errno)
			}
			break
		}
	}
	if written < buffer/2 || written > 4*buffer {
		t.Errorf("it holds %d bytes, want about %d", written, buffer)
	}
	if !CanRead(b) || !WindowClosed(a) || WindowClosed(b) {
		t.Errorf("a full pair: can read %v, unread %v, unread at the other end %v", CanRead(b), WindowClosed(a), WindowClosed(b))
	}
	for read, space := 0, make([]byte, 1<<20); read < written; {
		n, errno := Read(b, space)
		if read += n; errno != 0 {
			t.Fatal(errno)
		}
	}
	if CanRead(b) || WindowClosed(a) {
		t.Errorf("when all was read: can read %v, unread %v", CanRead(b), WindowClosed(a))
	}
	EndStream(b)
	if !CanRead(a) || HungUp(a) {
		t.Errorf("when the stream has ended: can read %v, hung up %v", CanRead(a), HungUp(a))
	}
	Close(b)
	if !HungUp(a) {
		t.Error("the other end is closed, and this one does not tell")
	}
	if _, errno := Write(a, []byte{0}); errno != syscall.EPIPE {
		t.Errorf("writing to a closed pair: %v, want EPIPE", errno)
	}
}
