package history

import (
	"context"
	"math"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// The log keeps its last messages, for clients that join or come back. They are a
// second copy of the end of the history, and the same rules hold: messages that are
// too old, or were removed from the file, are forgotten. The log can only forget its
// oldest messages, so those before a removed one are forgotten, too.

// A retained message is one that the log keeps.
type retained struct {
	at      broadcast.Position
	number  int64         // 0 if it is not in the file, because it could not be written
	time    int64         // in nanoseconds since 1970
	elapsed time.Duration // when it was written, or 0 if that was before the room was opened
}

// retainLast records the positions of the messages that were put into the log
// before it was followed.
func (r *Room) retainLast(log *broadcast.Log) {
	r.log, r.head = log, log.End()
	log.KeepFrom(r.head)
	for i := range r.retained {
		r.retained[i].at = r.head - broadcast.Position(len(r.retained)-i)*wire.Size
	}
}

// retain records messages that the log keeps: those that were written, whose first
// has the given number (0: they were not), and after them those that were left
// out. What follows them is in no file yet, so the log keeps it, too.
func (r *Room) retain(entries []broadcast.Entry, number, leftOut int64) {
	kept, all := int(r.kept.Load()), len(entries)+int(leftOut)
	if all == 0 {
		return
	}
	if len(r.retained) == 0 {
		r.due.Store(0)
	}
	last := retained{elapsed: elapsed(), time: time.Now().UnixNano()}
	for i := max(0, all-kept); i < all; i++ {
		last.at, last.number = r.head+broadcast.Position(i)*wire.Size, 0
		if i < len(entries) {
			last.time = entries[i].Time.UnixNano()
			if number > 0 {
				last.number = number + int64(i)
			}
		}
		r.retained = append(r.retained, last)
	}
	r.head += broadcast.Position(all) * wire.Size
	r.log.KeepFrom(r.head)
	if tooMany := len(r.retained) - kept; tooMany > kept {
		r.retained = slices.Delete(r.retained, 0, tooMany)
	}
}

// forget makes the logs forget messages that are too old or were removed.
func (a *Archive) forget(now time.Time) error {
	changed, err := a.changedByOthers()
	if err != nil {
		return err
	}
	elapsed := elapsed()
	for _, r := range *a.followed.Load() {
		if len(r.retained) == 0 || !changed && (r.age == nil || int64(elapsed) < r.due.Load()) {
			continue
		}
		if err := r.forget(now, elapsed, changed); err != nil {
			a.versionOf = nil // another time
			return err
		}
	}
	return nil
}

// forget makes the room's log forget messages. changed says that some may have been
// removed.
func (r *Room) forget(now time.Time, elapsed time.Duration, changed bool) error {
	removed := func(int64) bool { return false }
	if changed {
		var err error
		if removed, err = r.removedCheck(); err != nil {
			return err
		}
	}
	keep := 0 // the first that is not forgotten
	for i := range r.retained {
		if it := &r.retained[i]; r.isTooOld(it, now, elapsed) || removed(it.number) {
			keep = i + 1
		}
	}
	if keep > 0 {
		r.log.Forget(r.retained[keep-1].at + wire.Size)
		r.retained = slices.Delete(r.retained, 0, keep)
	}
	r.due.Store(int64(r.nextDue()))
	return nil
}

// isTooOld reports whether a retained message is too old.
func (r *Room) isTooOld(it *retained, now time.Time, elapsed time.Duration) bool {
	switch {
	case r.age == nil:
		return false
	case it.elapsed > 0:
		return elapsed-it.elapsed >= r.age.retain
	}
	return time.Unix(0, it.time).Before(r.age.cutoff(now, elapsed))
}

// nextDue returns the time before which no retained message is too old, whatever the
// clock shows.
func (r *Room) nextDue() time.Duration {
	if r.age == nil {
		return 0
	}
	next := time.Duration(math.MaxInt64)
	for i := range r.retained {
		it := &r.retained[i]
		written := it.elapsed
		if written == 0 {
			written = time.Unix(0, it.time).Sub(r.age.begun) + r.age.since
		}
		next = min(next, written+r.age.retain)
	}
	return next
}

// changedByOthers reports whether another program may have changed the file since it was
// asked last.
func (a *Archive) changedByOthers() (bool, error) {
	var version int64 // changes when another connection has written to the file
	if err := a.store.file.conn.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&version); err != nil {
		return false, err
	}
	changed := version != a.version || a.versionOf != a.store.file
	a.version, a.versionOf = version, a.store.file
	return changed, nil
}

// removedCheck returns a function that reports whether another program has
// removed a message of the room from the file.
func (r *Room) removedCheck() (func(number int64) bool, error) {
	first := slices.IndexFunc(r.retained, func(it retained) bool { return it.number > 0 })
	present := make(map[int64]bool)
	if first >= 0 {
		var err error
		if present, err = r.archive.store.file.numbersFrom(r.name, r.retained[first].number); err != nil {
			return nil, err
		}
	}
	return func(number int64) bool { return number > 0 && !present[number] }, nil
}

// numbersFrom returns which numbers the messages of a room have, from one on.
func (f *file) numbersFrom(room string, first int64) (map[int64]bool, error) {
	ctx := context.Background()
	filter, err := f.narrowed(ctx, Filter{Room: room, After: first - 1})
	if err != nil {
		return nil, err
	}
	where, args := filter.where(filter.place())
	table, _ := filter.source()
	rows, err := f.conn.QueryContext(ctx, "SELECT "+filter.place()+" FROM "+table+" WHERE "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	present := make(map[int64]bool)
	for rows.Next() {
		var number int64
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		present[number] = true
	}
	return present, rows.Err()
}
