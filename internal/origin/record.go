package origin

import (
	"net/netip"
	"slices"
	"time"
)

// A record is what is remembered of an origin. Its times are those of the table.
type record struct {
	origin netip.Prefix
	index  int // in the table's records

	changedAt time.Duration // when it last did what is remembered

	wrong    int           // distinct wrong keys
	keys     []uint32      // digests of the last maxKeys of them, the oldest first
	wrongAt  time.Duration // when the last one came
	looks    int           // keys that are being looked at
	lookedAt time.Duration // when that of the last one began
	next     time.Duration // when the next key may be looked at
	bannedTo time.Duration // 0: it is not banned

	forgiven   int           // wrong keys that right ones had forgotten in this window
	forgivenTo time.Duration // when the window ends

	// connectedTo is when the connections that the origin opened are used up, each
	// taking its part of a minute (the GCRA of ATM networks).
	connectedTo time.Duration
}

// maxKeys is how many wrong keys of an origin can be told from new ones. It bounds the
// memory for Config.Failures that are more: beyond it, a wrong key that comes again
// may count again.
const maxKeys = 128

// update forgets what is over.
func (r *record) update(at, memory time.Duration) {
	if r.bannedTo != 0 && at >= r.bannedTo || r.bannedTo == 0 && r.wrong > 0 && at-r.wrongAt >= memory {
		r.forget(r.wrong)
		r.bannedTo, r.next = 0, 0
	}
	if at >= r.forgivenTo {
		r.forgiven = 0
	}
	if at-r.lookedAt >= maxLook {
		r.looks = 0
	}
}

// isOver reports whether there is nothing left to be remembered.
func (r *record) isOver(at time.Duration) bool {
	return r.wrong == 0 && r.looks == 0 && r.bannedTo == 0 && r.forgiven == 0 && at >= r.next && at >= r.connectedTo
}

// isBanned reports whether the origin is banned, as of the last update.
func (r *record) isBanned() bool { return r.bannedTo != 0 }

// addKey counts a wrong key, and reports whether it is another than before.
func (r *record) addKey(digest uint32, at time.Duration) bool {
	if slices.Contains(r.keys, digest) {
		return false
	}
	if len(r.keys) == maxKeys {
		r.keys = slices.Delete(r.keys, 0, 1)
	}
	r.keys = append(r.keys, digest)
	r.wrong++
	r.wrongAt = at
	return true
}

// ban bans the origin, which needs no keys any more.
func (r *record) ban(to time.Duration) { r.bannedTo, r.keys = to, nil }

// forgive forgets as many wrong keys as right ones may have forgotten.
func (r *record) forgive(at time.Duration) {
	if r.wrong == 0 {
		return
	}
	if r.forgiven == 0 {
		r.forgivenTo = at + forgivenWindow
	}
	n := min(r.wrong, maxForgiven-r.forgiven)
	r.forgiven += n
	r.forget(n)
}

// forget forgets a number of wrong keys, the oldest first.
func (r *record) forget(n int) {
	if r.wrong -= n; r.wrong == 0 {
		r.keys = nil
	} else if most := min(r.wrong, len(r.keys)); most < len(r.keys) {
		r.keys = slices.Delete(r.keys, 0, len(r.keys)-most)
	}
}

// rank says how much is lost with a record, for finding those that matter least: bans
// first, then wrong keys, those that were forgotten, and connections. Of those that are
// alike, the older one matters less.
//
//	┌────────┬───────────┬──────────┬─────────────┬──────────────────────────┐
//	│ banned │ wrong (15)│ forgiven │ connections │ seconds, when it changed │
//	│  (1)   │           │   (10)   │     (6)     │           (32)           │
//	└────────┴───────────┴──────────┴─────────────┴──────────────────────────┘
func (r *record) rank() uint64 {
	const most = 1<<6 - 1 // connections: a part of the minute
	connected := max(0, r.connectedTo-r.changedAt) * most / time.Minute
	rank := uint64(min(r.wrong+r.looks, 1<<15-1))<<48 | uint64(r.forgiven)<<38 | uint64(connected)<<32 | uint64(r.changedAt/time.Second)&(1<<32-1)
	if r.isBanned() {
		rank |= 1 << 63
	}
	return rank
}
