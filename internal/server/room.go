//go:build linux

package server

import (
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
)

// A room is a key, a number of slots for clients, and the log of what is said
// in it. All loops may call its methods.
type room struct {
	key    string
	slots  int64 // 0: no limit
	taken  atomic.Int64
	log    *broadcast.Log
	memory fileMemory // in which the log lies; nil if that is not a file

	sending    sendChoice
	identities *identities
}

// newRoom returns an empty room to which that many loops publish. Its log lies
// in what makeMemory returns for the number of segments the log may have, or in
// the program's own memory if that is nil.
func newRoom(key string, slots, backlog, loops int, makeMemory func(segments int) fileMemory) *room {
	r := &room{key: key, slots: int64(slots), identities: newIdentities()}
	slack := loops * batchSize
	if r.memory = makeMemory(broadcast.Segments(backlog, slack)); r.memory != nil {
		r.log = broadcast.NewIn(r.memory, backlog, slack)
	} else {
		r.log = broadcast.New(backlog, slack)
	}
	return r
}

// enter takes a slot and reports whether there was one.
func (r *room) enter() bool {
	if taken := r.taken.Add(1); r.slots > 0 && taken > r.slots {
		r.taken.Add(-1)
		return false
	}
	return true
}

// leave gives a slot back.
func (r *room) leave() { r.taken.Add(-1) }

// full reports whether no slot is left.
func (r *room) full() bool { return r.slots > 0 && r.taken.Load() >= r.slots }

// announce announces a notice to the followers of the room. It costs nothing
// while there are none: thousands of clients may come and go.
func (r *room) announce(n broadcast.Notice, at time.Time) {
	if !r.log.Followed() {
		return
	}
	kept := n
	kept.Time = at
	r.log.Announce(&kept)
}
