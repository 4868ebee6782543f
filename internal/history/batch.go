package history

import (
	"slices"
	"time"

	"sop-chat/internal/broadcast"
)

// batchSize is how many messages a transaction has at most: enough that the cost
// is that of the rows, few enough that it takes some milliseconds.
const batchSize = 2048

// A batch is the messages that are written in one transaction.
type batch struct {
	entries []broadcast.Entry // all of them
	used    int
	oldest  time.Time // the time of the oldest
	parts   []part
	rooms   []*Room // of the parts, each once
}

// A part of a batch is messages of one room that follow each other.
type part struct {
	room    *Room
	entries []broadcast.Entry
	first   int64 // the number of the first, when it was written
}

func newBatch() batch { return batch{entries: make([]broadcast.Entry, batchSize)} }

func (b *batch) clear() {
	for _, r := range b.rooms {
		r.inBatch = false
	}
	b.used, b.parts, b.rooms = 0, b.parts[:0], b.rooms[:0]
}

func (b *batch) isEmpty() bool { return len(b.parts) == 0 }

func (b *batch) isFull() bool { return b.used == len(b.entries) }

// free returns space for some messages, most at most.
func (b *batch) free(most int) []broadcast.Entry {
	return b.entries[b.used:min(b.used+most, len(b.entries))]
}

// add adds messages that lie in the space that free returned.
func (b *batch) add(r *Room, entries []broadcast.Entry) {
	if b.isEmpty() || entries[0].Time.Before(b.oldest) {
		b.oldest = entries[0].Time
	}
	b.used += len(entries)
	if n := len(b.parts); n > 0 && b.parts[n-1].room == r {
		last := &b.parts[n-1].entries
		*last = b.entries[b.used-len(entries)-len(*last) : b.used]
		return
	}
	b.parts = append(b.parts, part{room: r, entries: entries})
	if !r.inBatch {
		r.inBatch = true
		b.rooms = append(b.rooms, r)
	}
}

// drop removes the messages of a room, and returns how many there were.
func (b *batch) drop(r *Room) (dropped int64) {
	r.inBatch = false
	b.rooms = slices.DeleteFunc(b.rooms, func(other *Room) bool { return other == r })
	b.parts = slices.DeleteFunc(b.parts, func(p part) bool {
		if p.room == r {
			dropped += int64(len(p.entries))
		}
		return p.room == r
	})
	return dropped
}

// messages returns how many messages there are.
func (b *batch) messages() (n int) {
	for _, p := range b.parts {
		n += len(p.entries)
	}
	return n
}

// onlyMessages removes what is no message from some entries.
func onlyMessages(entries []broadcast.Entry) []broadcast.Entry {
	return slices.DeleteFunc(entries, func(e broadcast.Entry) bool { return e.Notice != nil || e.SkippedNotices > 0 })
}
