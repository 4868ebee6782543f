package command

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A keyboard says when something was typed at a terminal. It reads nothing by itself: what
// is typed while a server is replaced by another program is there for that.
type keyboard struct {
	tty      *os.File
	typed    chan struct{} // takes a value when there is something to be read
	again    chan struct{} // has space for one; after a read
	failures int           // of read, one after another
}

func newKeyboard(tty *os.File) *keyboard {
	return &keyboard{tty: tty, typed: make(chan struct{}), again: make(chan struct{}, 1)}
}

// watch watches the terminal until ctx is done.
func (k *keyboard) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if !k.await(-1) {
			continue // it was interrupted
		}
		select {
		case k.typed <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case <-k.again:
		case <-ctx.Done():
		}
	}
}

// await waits for some milliseconds, or for ever if they are less than 0, until something
// can be read, and be it the end of the terminal.
func (k *keyboard) await(milliseconds int) bool {
	on := []unix.PollFd{{Fd: int32(k.tty.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(on, milliseconds)
	return err == nil && n > 0
}

// read returns what was typed, once for each value of typed. It never waits: another program
// may have read it meanwhile, from the background of which reading fails.
func (k *keyboard) read(isInForeground func() bool) []byte {
	const mostFailures = 3
	if !k.await(0) {
		k.again <- struct{}{}
		return nil
	}
	b := make([]byte, 1024)
	n, err := k.tty.Read(b)
	switch {
	case n > 0:
		k.failures = 0
		k.again <- struct{}{}
		return b[:n]
	case err == nil || isInForeground():
		k.failures++
	}
	if k.failures < mostFailures { // or the terminal is gone
		time.AfterFunc(backgroundPause, func() { k.again <- struct{}{} })
	}
	return nil
}
