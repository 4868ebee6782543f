package history

import (
	"context"
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
	at       broadcast.Position
	sequence int64 // 0 if it is not in the file, because it could not be written
	time     time.Time
	elapsed  time.Duration // when it was written, or 0 if that was before the archive was opened
}

// retainLast records the positions of the messages that were put into the log
// before it was followed.
func (a *Archive) retainLast(log *broadcast.Log) {
	a.log, a.head = log, log.End()
	log.KeepFrom(a.head)
	for i := range a.retained {
		a.retained[i].at = a.head - broadcast.Position(len(a.retained)-i)*wire.Size
	}
}

// retain records messages that the log keeps: those that were written, whose first
// has the given sequence (0: they were not), and after them those that were left
// out. What follows them is in no file yet, so the log keeps it, too.
func (a *Archive) retain(entries []broadcast.Entry, sequence, leftOut int64) {
	kept, all := a.config.Kept, len(entries)+int(leftOut)
	if all == 0 {
		return
	}
	r := retained{elapsed: elapsed(), time: time.Now()}
	for i := max(0, all-kept); i < all; i++ {
		r.at, r.sequence = a.head+broadcast.Position(i)*wire.Size, 0
		if i < len(entries) {
			r.time = entries[i].Time
			if sequence > 0 {
				r.sequence = sequence + int64(i)
			}
		}
		a.retained = append(a.retained, r)
	}
	a.head += broadcast.Position(all) * wire.Size
	a.log.KeepFrom(a.head)
	if tooMany := len(a.retained) - kept; tooMany > kept {
		a.retained = slices.Delete(a.retained, 0, tooMany)
	}
}

// forget makes the log forget messages that are too old or were removed.
func (a *Archive) forget(now time.Time) error {
	if len(a.retained) == 0 {
		return nil
	}
	removed, err := a.removedCheck()
	if err != nil {
		return err
	}
	keep, elapsed := 0, elapsed() // keep is the first that is not forgotten
	for i := range a.retained {
		if r := &a.retained[i]; a.isTooOld(r, now, elapsed) || removed(r.sequence) {
			keep = i + 1
		}
	}
	if keep > 0 {
		a.log.Forget(a.retained[keep-1].at + wire.Size)
		a.retained = slices.Delete(a.retained, 0, keep)
	}
	return nil
}

func (a *Archive) isTooOld(r *retained, now time.Time, elapsed time.Duration) bool {
	switch {
	case a.age == nil:
		return false
	case r.elapsed > 0:
		return elapsed-r.elapsed >= a.age.retain
	}
	return r.time.Before(a.age.cutoff(now, elapsed))
}

// removedCheck returns a function that reports whether another program has
// removed a message from the file.
func (a *Archive) removedCheck() (func(sequence int64) bool, error) {
	conn, ctx := a.store.file.conn, context.Background()
	var version int64 // changes when another connection has written to the file
	if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return nil, err
	}
	if version == a.version && a.versionOf == a.store.file {
		return func(int64) bool { return false }, nil
	}
	first := slices.IndexFunc(a.retained, func(r retained) bool { return r.sequence > 0 })
	present := make(map[int64]bool)
	if first >= 0 {
		rows, err := conn.QueryContext(ctx, "SELECT sequence FROM message WHERE sequence >= ?", a.retained[first].sequence)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var sequence int64
			if err := rows.Scan(&sequence); err != nil {
				return nil, err
			}
			present[sequence] = true
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	a.version, a.versionOf = version, a.store.file
	return func(sequence int64) bool { return sequence > 0 && !present[sequence] }, nil
}
