package history

import (
	"context"
	"errors"
	"time"

	"sop-chat/internal/broadcast"
)

const (
	// lookAgain is how often it is looked, during a vigil, whether the room is
	// held.
	lookAgain = 20 * time.Millisecond
	// slow is how long the disk may take before it counts as one that fails.
	slow = 2 * time.Second
	// lastTries is for how long it is waited for the disk when the server ends.
	lastTries = 2 * time.Second
	// lastMoment is for how long it is waited then for what is under way.
	lastMoment = 100 * time.Millisecond
)

// errSilent is what a disk that hangs fails with.
var errSilent = errors.New("the disk does not answer")

// A vigil is a wait for the disk, on which nothing that takes longer may keep the
// room or the end of the server waiting: what can block is done on a goroutine of
// its own, while Run's looks after the room.
//
// Meanwhile messages may be left out; they come after those that are waited for.
type vigil struct {
	archive *Archive
	ending  <-chan struct{} // nil when it has been noticed
	giveUp  <-chan time.Time
	look    *time.Ticker
	over    bool
	leftOut int64
}

func (a *Archive) newVigil(ctx context.Context) *vigil {
	return &vigil{archive: a, ending: ctx.Done(), look: time.NewTicker(lookAgain)}
}

func (v *vigil) end() { v.look.Stop() }

// do does something that may block. It reports whether it has come to an end; if
// not, it goes on, and the file must not be touched any more.
func (v *vigil) do(what func() error) (err error, ended bool) {
	done := make(chan error, 1)
	go func() { done <- what() }()
	overdue := time.After(slow)
	for {
		select {
		case err := <-done:
			return err, true
		case <-overdue:
			if v.over {
				v.archive.hangs = true
				return errSilent, false
			}
			v.archive.failed(errSilent)
		case <-v.look.C:
			if v.archive.mustLeaveOut() {
				v.leaveOut()
			}
		case <-v.ending:
			v.noticeEnd()
		case <-v.giveUp:
			v.giveUp, v.over, overdue = nil, true, time.After(lastMoment)
		}
	}
}

// pause waits before something is tried again. It is cut short by the end of the
// server. A reason not to try again is that it has ended for a while, or that the
// room would have to wait.
func (v *vigil) pause(d time.Duration) (tryAgain, over bool) {
	if v.over {
		return false, true
	}
	again := time.After(d)
	for {
		select {
		case <-again:
			return true, false
		case <-v.look.C:
			if v.archive.mustLeaveOut() {
				return false, false
			}
		case <-v.ending:
			v.noticeEnd()
			return true, false
		case <-v.giveUp:
			return false, true
		}
	}
}

func (v *vigil) noticeEnd() { v.ending, v.giveUp = nil, time.After(lastTries) }

// mustLeaveOut reports whether the room waits for a disk that fails, and need
// not.
func (a *Archive) mustLeaveOut() bool {
	return a.fails && a.config.Window > 0 && a.follower.IsHolding()
}

// leaveOut takes from the log what holds the room.
func (v *vigil) leaveOut() {
	entries := make([]broadcast.Entry, 256)
	for v.archive.mustLeaveOut() {
		n, ended := v.archive.take(entries, 0, time.Time{})
		if v.leftOut += int64(n); ended {
			return
		}
	}
}
