package history

import (
	"time"

	"sop-chat/internal/wire"
)

// What the disk takes is for all rooms in which something is said: each may have as many
// messages waiting as its share, and few are taken from it in its turn. So a flood in one
// room does not keep what is said in others from being written, and no message waits for
// much longer than if there was one room.

const (
	// turn is how many messages of a room are taken before those of others: few enough
	// that a transaction has messages of many rooms, as a sign that they are active.
	turn = 16
	// minShare is how many messages the share of a room has at least.
	minShare = 8
)

// An activity counts the rooms in which something is said.
type activity struct {
	period int64 // counts seconds
	until  time.Time
	before int // rooms in the last period
	rooms  int // rooms in this one, until now
}

// record records that messages of a room were written.
func (a *activity) record(r *Room, now time.Time) {
	if !now.Before(a.until) {
		a.period, a.until, a.before, a.rooms = a.period+1, now.Add(time.Second), a.rooms, 0
	}
	if r.period != a.period {
		r.period = a.period
		a.rooms++
	}
}

// active returns in how many rooms something is said, and 1 if that is not known.
func (a *activity) active() int { return max(a.before, a.rooms, 1) }

// limit sets how many bytes of messages may wait in each room, after the batch was
// written.
func (a *Archive) limit() {
	now := time.Now()
	for _, r := range a.batch.rooms {
		a.activity.record(r, now)
	}
	bytes := int64(max(a.pace.limit(a.config.Window)/a.activity.active(), minShare*wire.Size))
	if before := a.share.Load(); bytes > before-before/8 && bytes < before+before/8 {
		return
	}
	a.setShare(bytes)
}

// setShare sets how many bytes of messages may wait in each room. 0 is a backlog, while the
// file can't be written.
func (a *Archive) setShare(bytes int64) {
	if a.share.Swap(bytes) == bytes {
		return
	}
	for _, r := range *a.followed.Load() {
		r.follower.Limit(int(bytes))
	}
}
