package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
)

const (
	// holdPollInterval is how often a watchdog checks whether a room is held.
	holdPollInterval = 20 * time.Millisecond
	// slowAfter is how long a call may make no progress before that counts as a failure. A
	// commit makes none until it is done, and takes more than half a second on a machine
	// that is very busy, on which nothing is to be lost either.
	slowAfter = 2 * time.Second
	// closeTimeout is how long writing is tried again when the server ends. A call that has
	// begun goes on after that, unless it makes no progress for slowAfter.
	closeTimeout = 2 * time.Second
)

// errNoResponse is the error of a disk that hangs.
var errNoResponse = errors.New("the disk does not answer")

// A watchdog watches calls that may block on the disk, so that neither a room
// nor the end of the server waits for them for long. Each call runs on a goroutine
// of its own, while Run's watches.
//
// While the disk fails, it takes messages from the logs that hold their rooms. They
// are left out; all of them come after those of the batch.
type watchdog struct {
	archive *Archive
	ctxDone <-chan struct{} // nil once it is closed and the timeout runs
	timeout <-chan time.Time
	poll    *time.Ticker
	expired bool            // the timeout is over
	leftOut map[*Room]int64 // how many messages were left out
	entries []broadcast.Entry
}

func (a *Archive) newWatchdog(ctx context.Context) *watchdog {
	return &watchdog{archive: a, ctxDone: ctx.Done(), poll: time.NewTicker(holdPollInterval)}
}

func (w *watchdog) stop() { w.poll.Stop() }

// do calls what, and reports whether it has ended. If not, what is still running,
// and the file must not be used any more.
func (w *watchdog) do(what func() error) (err error, ended bool) {
	done := make(chan error, 1)
	go func() { done <- what() }()
	progress, overdue := w.archive.progress.Load(), time.After(slowAfter)
	for {
		select {
		case err := <-done:
			return err, true
		case <-overdue:
			if now := w.archive.progress.Load(); now != progress {
				progress, overdue = now, time.After(slowAfter)
				continue
			}
			if w.expired {
				w.archive.hung = done
				return errNoResponse, false
			}
			w.archive.failed(errNoResponse)
		case <-w.poll.C:
			if w.archive.failing {
				for _, r := range *w.archive.followed.Load() {
					w.leaveOut(r)
				}
			}
		case <-w.ctxDone:
			w.startTimeout()
		case <-w.timeout:
			w.timeout, w.expired = nil, true
			overdue = time.After(slowAfter)
		}
	}
}

// pause waits before a call is tried again. It returns early when the server ends,
// when a room is held (tryAgain is false), and when it is too late to try again
// (over is true).
func (w *watchdog) pause(d time.Duration) (tryAgain, over bool) {
	if w.expired {
		return false, true
	}
	again := time.After(d)
	for {
		select {
		case <-again:
			return true, false
		case <-w.poll.C:
			if slices.ContainsFunc(*w.archive.followed.Load(), w.archive.mustLeaveOut) {
				return false, false
			}
		case <-w.ctxDone:
			w.startTimeout()
			return true, false
		case <-w.timeout:
			return false, true
		}
	}
}

func (w *watchdog) startTimeout() { w.ctxDone, w.timeout = nil, time.After(closeTimeout) }

// mustLeaveOut reports whether a room is held because the disk fails, and messages may
// be left out to release it.
func (a *Archive) mustLeaveOut(r *Room) bool {
	return a.failing && a.config.Window > 0 && r.follower.IsHolding()
}

// leaveOut takes messages from the log of a room until the room is no longer held.
func (w *watchdog) leaveOut(r *Room) {
	if !w.archive.mustLeaveOut(r) {
		return
	}
	if w.entries == nil {
		w.entries, w.leftOut = make([]broadcast.Entry, 256), make(map[*Room]int64)
	}
	for w.archive.mustLeaveOut(r) {
		n := r.follower.Take(w.entries)
		if n == 0 {
			return
		}
		w.leftOut[r] += int64(len(onlyMessages(w.entries[:n])))
	}
}

// record has the rooms count the messages that were left out, which come after those
// that they have counted until now.
func (w *watchdog) record() {
	for r, n := range w.leftOut {
		r.leaveOut(n)
	}
	clear(w.leftOut)
}

// all returns how many messages were left out that the rooms have not counted.
func (w *watchdog) all() (n int64) {
	for _, left := range w.leftOut {
		n += left
	}
	return n
}
