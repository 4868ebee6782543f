package origin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/repeat"
)

// A Table remembers what each origin did. A nil table lets everybody do everything.
//
// Its methods may be called by any goroutine. They hold a lock for less than a
// microsecond. All times that they are given have to come from the same clock.
//
// However many origins there are, a table remembers only some of them. When it is full,
// one that matters little makes space for a new one: of a few at random, that with the
// fewest wrong keys. So a flood from many origins does not end a ban.
type Table struct {
	config Config
	memory time.Duration     // for how long wrong keys are remembered after the last one
	secret [sha256.Size]byte // so that nobody can choose keys that are alike
	lists  atomic.Pointer[Lists]
	manual atomic.Pointer[manual] // nil: there are none; changed with the lock held

	mu       sync.Mutex
	base     time.Time // which the times of records are counted from
	records  []*record
	ranks    []uint64 // of the records; apart, so that many can be compared
	byOrigin map[netip.Prefix]*record
	swept    int // index of the record that was looked at last for being over
}

// NewTable returns a table that has heard of no origin.
func NewTable(c Config) *Table {
	if c.Undelayed == 0 {
		c.Undelayed = standardUndelayed
	}
	if c.Delay == 0 {
		c.Delay = standardDelay
	}
	if c.Records == 0 {
		c.Records = standardRecords
	}
	t := &Table{config: c, memory: max(c.Ban, leastMemory), byOrigin: make(map[netip.Prefix]*record)}
	rand.Read(t.secret[:]) // never fails
	t.SetLists(Lists{})
	return t
}

// SetLists replaces the lists of addresses that are allowed and denied.
func (t *Table) SetLists(l Lists) { t.lists.Store(&l) }

// Denies reports whether the lists deny an address.
func (t *Table) Denies(from netip.Addr) bool { return t != nil && t.lists.Load().Denies(from) }

// Connect decides on a new connection, and counts it if it may come. If it is banned or too
// frequent, it is pointless to try again before a time, or at all if that is zero.
func (t *Table) Connect(from netip.Addr, now time.Time) (v Verdict, until time.Time) {
	switch {
	case t.Denies(from):
		return Denied, time.Time{}
	case t == nil || t.trusts(from):
		return Pass, time.Time{}
	}
	if until, is := t.barred(from, now); is {
		return Barred, until
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.begin(now)
	origin := repeat.Source(from)
	r := t.get(origin, at)
	if r != nil && r.isBanned() {
		return Banned, t.base.Add(r.bannedTo)
	}
	if t.config.ConnectRate == 0 {
		return Pass, time.Time{}
	}
	if r == nil {
		r = t.add(origin, at)
	}
	to := max(r.connectedTo, at) + time.Minute/time.Duration(t.config.ConnectRate)
	if to > at+time.Minute {
		return TooFrequent, t.base.Add(to - time.Minute)
	}
	r.connectedTo = to
	t.changed(r, at)
	return Pass, time.Time{}
}

// Banned returns whether an address is Banned or Barred, and until when, or Pass.
func (t *Table) Banned(from netip.Addr, now time.Time) (v Verdict, until time.Time) {
	if t == nil || t.trusts(from) {
		return Pass, time.Time{}
	}
	if until, is := t.barred(from, now); is {
		return Barred, until
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.get(repeat.Source(from), t.begin(now))
	if r == nil || !r.isBanned() {
		return Pass, time.Time{}
	}
	return Banned, t.base.Add(r.bannedTo)
}

// Look decides whether a key may be looked at. If it says Pass, the key has to be looked
// at now, and Right, Wrong or Skipped has to be told about it; meanwhile it counts as a
// wrong one.
// If it says Wait, Banned or Barred, it is pointless to ask again before a time.
func (t *Table) Look(from netip.Addr, now time.Time) (v Verdict, until time.Time) {
	switch {
	case t.Denies(from):
		return Denied, time.Time{}
	case t == nil || t.trusts(from):
		return Pass, time.Time{}
	}
	if until, is := t.barred(from, now); is {
		return Barred, until
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.begin(now)
	origin := repeat.Source(from)
	r := t.get(origin, at)
	if r == nil {
		r = t.add(origin, at)
	}
	counted := r.wrong + r.looks
	switch {
	case r.isBanned():
		return Banned, t.base.Add(r.bannedTo)
	case at < r.next:
		return Wait, t.base.Add(r.next)
	case t.config.Failures > 0 && counted >= t.config.Failures:
		return Wait, now.Add(t.config.Delay) // those that are being looked at may be the last
	}
	r.looks++
	r.lookedAt = at
	r.next = at + t.config.delay(counted)
	t.changed(r, at)
	return Pass, time.Time{}
}

// Wrong is told that a key was looked at and is wrong. If the origin is banned for it,
// that is returned.
func (t *Table) Wrong(from netip.Addr, key []byte, now time.Time) (ban Ban, isBanned bool) {
	if t == nil || t.trusts(from) {
		return ban, false
	}
	digest := t.digest(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.begin(now)
	origin := repeat.Source(from)
	r := t.get(origin, at)
	if r == nil {
		r = t.add(origin, at)
	}
	r.looks = max(0, r.looks-1)
	defer t.changed(r, at)
	if r.isBanned() || !r.addKey(digest, at) || t.config.Failures == 0 || r.wrong < t.config.Failures {
		return ban, false
	}
	r.ban(at + t.config.Ban)
	return Ban{Origin: origin, Keys: r.wrong, For: t.config.Ban}, true
}

// Right is told that a key was looked at and is right. The wrong ones before it are
// forgotten, unless there were too many within an hour.
func (t *Table) Right(from netip.Addr, now time.Time) {
	t.looked(from, now, func(r *record, at time.Duration) {
		if !r.isBanned() {
			r.forgive(at)
			r.next = min(r.next, at+t.config.delay(r.wrong+r.looks))
		}
	})
}

// Skipped is told that a key was not looked at in the end.
func (t *Table) Skipped(from netip.Addr, now time.Time) {
	t.looked(from, now, func(*record, time.Duration) {})
}

// looked ends a look at a key that was not wrong, and has then do what follows from it.
func (t *Table) looked(from netip.Addr, now time.Time, then func(r *record, at time.Duration)) {
	if t == nil || t.trusts(from) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.begin(now)
	r := t.get(repeat.Source(from), at)
	if r == nil {
		return
	}
	r.looks = max(0, r.looks-1)
	then(r, at)
	if t.changed(r, at); r.isOver(at) {
		t.remove(r)
	}
}

// Len returns how many origins are remembered.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.records)
}

// trusts reports whether an address is that of a trusted proxy.
func (t *Table) trusts(addr netip.Addr) bool { return Among(addr, t.config.Trusted) }

// digest returns the digest of a key. It is of 32 bits: one wrong key in millions is
// taken for another of its origin, and nobody can tell which.
func (t *Table) digest(key []byte) uint32 {
	var secretAndKey [sha256.Size + 512]byte
	n := copy(secretAndKey[:], t.secret[:])
	n += copy(secretAndKey[n:], key)
	sum := sha256.Sum256(secretAndKey[:n])
	return binary.LittleEndian.Uint32(sum[:])
}

// The methods below are called with the lock held.

// begin returns the table's time, and removes records that are over: of two in each
// call, so that all are removed soon and none of the calls takes long.
func (t *Table) begin(now time.Time) (at time.Duration) {
	if t.base.IsZero() {
		t.base = now.Add(-leastMemory) // so that times are never 0
	}
	at = now.Sub(t.base)
	for range min(2, len(t.records)) {
		if t.swept++; t.swept >= len(t.records) {
			t.swept = 0
		}
		r := t.records[t.swept]
		if r.update(at, t.memory); r.isOver(at) {
			t.remove(r)
		} else {
			t.ranks[r.index] = r.rank()
		}
		if len(t.records) == 0 {
			break
		}
	}
	return at
}

// get returns the record of an origin as of now; nil if there is none.
func (t *Table) get(origin netip.Prefix, at time.Duration) *record {
	r := t.byOrigin[origin]
	if r != nil {
		r.update(at, t.memory)
	}
	return r
}

// add adds a record of an origin that has none.
func (t *Table) add(origin netip.Prefix, at time.Duration) *record {
	if len(t.records) >= t.config.Records {
		t.remove(t.victim())
	}
	r := &record{origin: origin, index: len(t.records)}
	t.records, t.ranks = append(t.records, r), append(t.ranks, 0)
	t.byOrigin[origin] = r
	t.changed(r, at)
	return r
}

// changed notes that an origin did something.
func (t *Table) changed(r *record, at time.Duration) {
	r.changedAt = at
	t.ranks[r.index] = r.rank()
}

// candidates is how many records are compared to find one to remove. If half of all
// origins are banned, one of those is removed instead of another once in four billion
// times.
const candidates = 32

// victim returns the record to remove for a new one.
func (t *Table) victim() *record {
	least := mathrand.IntN(len(t.ranks))
	for range candidates - 1 {
		if i := mathrand.IntN(len(t.ranks)); t.ranks[i] < t.ranks[least] {
			least = i
		}
	}
	return t.records[least]
}

// remove removes a record.
func (t *Table) remove(r *record) {
	last := len(t.records) - 1
	moved := t.records[last]
	t.records[r.index] = moved
	moved.index = r.index
	t.ranks[r.index] = t.ranks[last]
	t.records[last] = nil
	t.records, t.ranks = t.records[:last], t.ranks[:last]
	if delete(t.byOrigin, r.origin); last == 0 {
		t.records, t.ranks, t.byOrigin = nil, nil, make(map[netip.Prefix]*record) // a map never shrinks
	}
}
