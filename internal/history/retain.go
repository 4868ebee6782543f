package history

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// pruneBatch is how many messages are removed in one transaction: few enough that
// the writer does not wait for long.
const pruneBatch = 1000

// An expiry is what is needed to remove the messages of rooms that keep them for the same
// time.
type expiry struct {
	age *age
	at  time.Time // when to remove old messages next, if the clock can be relied on then

	distrusted time.Time // until then, the clock can't be
}

// due returns when to remove old messages next.
func (e *expiry) due() time.Time {
	if e.at.Before(e.distrusted) {
		return e.distrusted
	}
	return e.at
}

// expiries are those of an archive, by the time for which messages are kept. The rooms
// that keep them for the archive's time are all but those of others.
type expiries struct {
	all    map[time.Duration]*expiry
	others map[string]time.Duration // the rooms that keep them for another time, or (0) for good

	next atomic.Pointer[time.Time] // when to remove old messages next; nil: never. It needs no lock
}

// startExpiry prepares to remove the messages that are older than the archive says.
func (a *Archive) startExpiry() error {
	a.expiries.all, a.expiries.others = make(map[time.Duration]*expiry), make(map[string]time.Duration)
	defer a.expiries.plan()
	if a.config.Retain <= 0 {
		return nil
	}
	last, err := a.newest(Filter{}, 1)
	if err == nil {
		a.expiryFor(a.config.Retain).checkClock(a, last)
	}
	return err
}

// setRetain sets for how long the messages of the room are kept.
func (r *Room) setRetain(retain time.Duration) error {
	a := r.archive
	defer a.expiries.plan()
	r.age = nil
	r.due.Store(0)
	delete(a.expiries.others, r.name)
	if retain == 0 {
		retain = a.config.Retain
	} else if retain = max(retain, 0); retain != a.config.Retain {
		a.expiries.others[r.name] = retain
	}
	if retain <= 0 {
		return nil
	}
	e := a.expiryFor(retain)
	r.age = e.age
	if retain == a.config.Retain {
		return nil
	}
	last, err := a.newest(Filter{Room: r.name}, 1)
	if err == nil {
		e.checkClock(a, last)
	}
	return err
}

// expiryFor returns the expiry of rooms that keep their messages for a time.
func (a *Archive) expiryFor(retain time.Duration) *expiry {
	e := a.expiries.all[retain]
	if e == nil {
		now := time.Now()
		e = &expiry{age: newAge(retain, now, elapsed(), a.sequence+1), at: now}
		a.expiries.all[retain] = e
	}
	return e
}

// checkClock has messages kept for a while if all are too old, given the last one: the
// clock may be wrong, and somebody can set it right meanwhile.
func (e *expiry) checkClock(a *Archive, last []Message) {
	const grace = time.Hour
	now := time.Now()
	if len(last) == 0 || !last[0].Time.Before(e.age.cutoff(now, elapsed())) {
		return
	}
	wait := min(e.age.retain, grace)
	e.distrusted = now.Add(wait)
	a.config.Logger.Warn("all messages in the history are too old to be kept and will be removed; is the clock right?",
		"file", a.path, "newest", last[0].Time, "in", wait)
}

// plan sets next.
func (all *expiries) plan() {
	var next *time.Time
	for _, e := range all.all {
		if at := e.due(); next == nil || at.Before(*next) {
			next = &at
		}
	}
	all.next.Store(next)
}

// postpone has no messages removed until a time.
func (all *expiries) postpone(until time.Time) {
	for _, e := range all.all {
		e.at = until
	}
	all.plan()
}

// expire removes messages that are too old, if it is time to. If there may be
// more of them, it is time again at once.
func (a *Archive) expire(now time.Time) {
	defer a.expiries.plan()
	for retain, e := range a.expiries.all {
		// Messages that are being written now are younger than the next mark.
		e.age.record(a.sequence+a.missing()+1, elapsed())
		if now.Before(e.due()) {
			continue
		}
		n, err := a.store.file.expire(e.age, now, elapsed(), a.roomsOf(retain))
		if err != nil && !a.failing && !isBusy(err) {
			a.config.Logger.Warn("old messages can't be removed from the history", "file", a.path, "reason", reason(err))
		}
		if err == nil && n == pruneBatch {
			continue
		}
		// Messages may be kept a little longer than the retention time.
		e.at = now.Add(min(max(retain/10, 100*time.Millisecond), time.Minute))
	}
}

// roomsOf returns the condition for messages of the rooms that keep them for a time.
func (a *Archive) roomsOf(retain time.Duration) removal {
	others := a.expiries.others
	names := []string{} // in JSON, nil would be no list
	condition := "room IN (SELECT value FROM json_each(?))"
	if retain == a.config.Retain {
		condition = "room NOT IN (SELECT value FROM json_each(?))"
		names = slices.AppendSeq(names, maps.Keys(others))
	} else {
		for name, its := range others {
			if its == retain {
				names = append(names, name)
			}
		}
	}
	if retain == a.config.Retain && len(names) == 0 {
		return removal{which: "true"}
	}
	list, _ := json.Marshal(names) // never fails
	return removal{which: condition, args: []any{string(list)}}
}

// expire removes the oldest messages that are too old, pruneBatch at most, and
// returns how many. rooms says of which rooms.
func (f *file) expire(a *age, now time.Time, elapsed time.Duration, rooms removal) (int64, error) {
	young := a.firstYoung(elapsed)
	which := "(sequence < ? AND time < ? OR sequence >= ? AND sequence < ?) AND " + rooms.which
	args := []any{young, a.cutoff(now, elapsed).UnixNano(), a.first, young}
	return f.remove(removal{which, "sequence", append(args, rooms.args...)})
}

// A removal says which messages are removed, and in which order.
type removal struct {
	which, order string
	args         []any
}

// olderThan returns the removal of the messages of a room, or of all, from before a
// time.
func olderThan(room string, before time.Time) removal {
	if room == "" {
		return removal{"time < ?", "time", []any{before.UnixNano()}}
	}
	return removal{"room = ? AND time < ?", "number", []any{room, before.UnixNano()}}
}

// remove removes the first messages of a removal, pruneBatch at most, and returns how
// many.
func (f *file) remove(r removal) (n int64, err error) { return f.removeMost(r, pruneBatch) }

// removeMost is remove with another bound.
func (f *file) removeMost(r removal, most int64) (n int64, err error) {
	err = f.transact(func() (err error) {
		n, err = f.exec("DELETE FROM message WHERE sequence IN (SELECT sequence FROM message WHERE "+r.which+" ORDER BY "+r.order+" LIMIT ?)",
			append(r.args[:len(r.args):len(r.args)], most)...)
		return err
	})
	return n, err
}

// newest returns the last messages that a filter selects, n at most, newest first.
func (a *Archive) newest(filter Filter, n int) (last []Message, err error) {
	f := a.store.file
	if f == nil {
		return nil, explain(a.path, errClosed)
	}
	filter, err = f.narrowed(context.Background(), filter)
	if err != nil {
		return nil, explain(a.path, err)
	}
	where, args := filter.where(filter.place())
	table, order := filter.source()
	for m, err := range each(context.Background(), f, "SELECT "+f.columnsOf("m")+" FROM "+table+" WHERE "+where+" ORDER BY "+order+" DESC LIMIT ?",
		append(args, n), (*Message).scan) {
		if err != nil {
			return nil, err
		}
		last = append(last, *m)
	}
	return last, nil
}

// errClosed is the error of a file that was overwritten and could not be opened again.
var errClosed = errors.New("it was overwritten, and can't be opened again")
