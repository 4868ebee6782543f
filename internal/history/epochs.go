package history

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
)

// Epochs are the starts of a room's server. The number of a message is its
// sequence: its place in the room. But numbers are given out again: after a server
// was killed, those of messages that clients had received and that were not
// written; after a backup was restored, those of all messages since then; and
// without a history, all. So each start begins an epoch, and an epoch and a number
// together say what a client has.
//
// Epochs don't change, and may be used by any goroutine.
type Epochs struct {
	all []epoch // in the order of the starts; the last is the current one
}

// An epoch begins when a server starts.
type epoch struct {
	id    uint64 // random, and not 0
	first int64  // the number of the first message that the server may write
}

// NewEpochs returns the epochs of a room without a history: a new one alone.
func NewEpochs() Epochs { return Epochs{[]epoch{newEpoch(1)}} }

func newEpoch(first int64) epoch {
	var id [8]byte
	for binary.BigEndian.Uint64(id[:]) == 0 {
		rand.Read(id[:]) // never fails
	}
	return epoch{binary.BigEndian.Uint64(id[:]), first}
}

// Current returns the epoch that began when this server started.
func (e Epochs) Current() uint64 { return e.all[len(e.all)-1].id }

// Has reports whether an epoch is known.
func (e Epochs) Has(id uint64) bool {
	return slices.ContainsFunc(e.all, func(known epoch) bool { return known.id == id })
}

// Known returns up to which number a client has the messages of the room, if in an
// epoch it had them up to a number. It is 0 if the epoch is not known.
func (e Epochs) Known(epoch, number uint64) uint64 {
	for _, later := range slices.Backward(e.all) {
		if later.id == epoch {
			return number
		}
		number = min(number, uint64(later.first-1))
	}
	return 0
}
