package history

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
)

// Epochs are the starts of the server, as one of its rooms knows them. The number of a
// message is its place in the room. But numbers are given out again: after a server
// was killed, those of messages that clients had received and that were not
// written; after a backup was restored, those of all messages since then; and
// without a history, all. So each start begins an epoch, and an epoch and a number
// together say what a client has.
//
// Epochs don't change, and may be used by any goroutine.
type Epochs struct {
	starts *starts
	firsts []placed // in the order of the starts; those in which the room was written to, and the current one
}

// starts are the epochs in their order, which all rooms share; the last is the current
// one.
type starts struct {
	ids   []uint64
	index map[uint64]int
}

// A placed epoch is one by its place in the order.
type placed struct {
	place int
	first int64 // the number of the first message of the room that the server could write
}

// A roomEpoch is an epoch as a room knows it.
type roomEpoch struct {
	id    uint64
	first int64
}

// newStarts returns epochs, in their order.
func newStarts(ids []uint64) *starts {
	s := &starts{ids, make(map[uint64]int, len(ids))}
	for i, id := range ids {
		s.index[id] = i
	}
	return s
}

// newID returns the ID of a new epoch: it is random, and not 0.
func newID() uint64 {
	var id [8]byte
	for binary.BigEndian.Uint64(id[:]) == 0 {
		rand.Read(id[:]) // never fails
	}
	return binary.BigEndian.Uint64(id[:])
}

func (s *starts) current() uint64 { return s.ids[len(s.ids)-1] }

// place returns the places of epochs, in order. Those that are not known have none.
func (s *starts) place(all []roomEpoch) []placed {
	placedAll := make([]placed, 0, len(all))
	for _, e := range all {
		if place, ok := s.index[e.id]; ok {
			placedAll = append(placedAll, placed{place, e.first})
		}
	}
	slices.SortFunc(placedAll, func(a, b placed) int { return a.place - b.place })
	return placedAll
}

// Current returns the epoch that began when this server started.
func (e Epochs) Current() uint64 { return e.starts.current() }

// Has reports whether an epoch is known.
func (e Epochs) Has(id uint64) bool {
	_, ok := e.starts.index[id]
	return ok
}

// Known returns up to which number a client has the messages of the room, if in an
// epoch it had them up to a number. It is 0 if the epoch is not known.
func (e Epochs) Known(epoch, number uint64) uint64 {
	place, ok := e.starts.index[epoch]
	if !ok {
		return 0
	}
	for _, later := range slices.Backward(e.firsts) {
		if later.place <= place {
			break
		}
		number = min(number, uint64(later.first-1))
	}
	return number
}
