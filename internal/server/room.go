//go:build linux

package server

import (
	"sync/atomic"

	"sop-chat/internal/broadcast"
)

// A room is a key, a number of places, and the log of what is said in it. Its
// methods may be called by all loops.
type room struct {
	key    string
	places int64 // 0: as many as come
	taken  atomic.Int64
	log    *broadcast.Log
	memory fileMemory // in which the log lies; nil if that is no file
}

// newRoom returns an empty room, to which that many loops publish. Its log lies
// in memory that is made for the number of segments it may have, or if that is
// nil in the program's own.
func newRoom(key string, places, backlog, loops int, makeMemory func(segments int) fileMemory) *room {
	r := &room{key: key, places: int64(places)}
	slack := loops * batchSize
	if r.memory = makeMemory(broadcast.Segments(backlog, slack)); r.memory != nil {
		r.log = broadcast.NewIn(r.memory, backlog, slack)
	} else {
		r.log = broadcast.New(backlog, slack)
	}
	return r
}

// enter takes a place and reports whether there was one.
func (r *room) enter() bool {
	if taken := r.taken.Add(1); r.places > 0 && taken > r.places {
		r.taken.Add(-1)
		return false
	}
	return true
}

// leave gives a place back.
func (r *room) leave() { r.taken.Add(-1) }

// full reports whether there is no place left.
func (r *room) full() bool { return r.places > 0 && r.taken.Load() >= r.places }
