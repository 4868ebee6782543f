package history

import (
	"time"

	"sop-chat/internal/wire"
)

// What the disk takes is for all rooms in which something is said: each may have as many
// messages waiting as its share, and as many are taken from it in its turn. So a flood
// in one room does not keep what is said in others from being written, and no message
// waits for much longer than if there was one room.

// minShare is how many messages the share of a room has at least.
const minShare = 8

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

// turn returns how many messages of a room are taken before those of others.
func (a *activity) turn() int { return max(batchSize/a.active(), minShare) }

// limit sets for the rooms in the batch how much may wait in each.
func (a *Archive) limit() {
	now := time.Now()
	for _, r := range a.batch.rooms {
		a.activity.record(r, now)
	}
	bytes := max(a.pace.limit(a.config.Window)/a.activity.active(), minShare*wire.Size)
	rooms := a.batch.rooms
	if a.isFree.CompareAndSwap(true, false) {
		rooms = *a.followed.Load()
	}
	for _, r := range rooms {
		r.follower.Limit(bytes)
	}
}

// firstLimit returns how much may wait in a room that was just opened.
func (a *Archive) firstLimit() int {
	if a.isFree.Load() {
		return 0
	}
	return pace{firstPace}.limit(a.config.Window)
}

// free removes the limits while the file can't be written.
func (a *Archive) free() {
	if !a.isFree.CompareAndSwap(false, true) {
		return
	}
	for _, r := range *a.followed.Load() {
		r.follower.Limit(0)
	}
}
