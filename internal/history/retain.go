package history

import (
	"context"
	"time"
)

// pruneBatch is how many messages are removed in one transaction: few enough that
// the writer does not wait for long.
const pruneBatch = 1000

// startExpiry prepares to remove old messages. If all messages are too old, the
// clock may be wrong. Then nothing is removed for a while, so that somebody can
// set it right.
func (a *Archive) startExpiry(now time.Time) error {
	const grace = time.Hour
	a.age = newAge(a.config.Retain, now, elapsed(), a.last+1)
	a.expireAt = now
	last, err := a.newest(1)
	if err != nil || len(last) == 0 || !last[0].Time.Before(a.age.cutoff(now, a.age.since)) {
		return err
	}
	wait := min(a.config.Retain, grace)
	a.expireAt = now.Add(wait)
	a.config.Logger.Warn("all messages in the history are too old to be kept and will be removed; is the clock right?",
		"file", a.path, "newest", last[0].Time, "in", wait)
	return nil
}

// expire removes messages that are too old, if it is time to. If there may be
// more of them, it is time again at once.
func (a *Archive) expire(now time.Time) {
	if a.age == nil {
		return
	}
	a.age.record(a.last+a.missing+1, elapsed())
	if now.Before(a.expireAt) {
		return
	}
	n, err := a.store.file.expire(a.age, now, elapsed())
	if err != nil && !a.failing && !isBusy(err) {
		a.config.Logger.Warn("old messages can't be removed from the history", "file", a.path, "reason", reason(err))
	}
	if err == nil && n == pruneBatch {
		return
	}
	// Messages may be kept a little longer than the retention time.
	a.expireAt = now.Add(min(max(a.config.Retain/10, 100*time.Millisecond), time.Minute))
}

// expire removes the oldest messages that are too old, pruneBatch at most, and
// returns how many.
func (f *file) expire(a *age, now time.Time, elapsed time.Duration) (int64, error) {
	young := a.firstYoung(elapsed)
	return f.remove("sequence < ? AND time < ? OR sequence >= ? AND sequence < ? ORDER BY sequence",
		young, a.cutoff(now, elapsed).UnixNano(), a.first, young)
}

// removeSome removes the oldest messages from before a time, pruneBatch at
// most, and returns how many.
func (f *file) removeSome(before time.Time) (int64, error) {
	return f.remove("time < ? ORDER BY time", before.UnixNano())
}

// remove removes the first messages that meet a condition, pruneBatch at most,
// and returns how many.
func (f *file) remove(which string, args ...any) (n int64, err error) {
	err = f.transact(func() (err error) {
		n, err = f.exec("DELETE FROM message WHERE sequence IN (SELECT sequence FROM message WHERE "+which+" LIMIT ?)",
			append(args, pruneBatch)...)
		return err
	})
	return n, err
}

// newest returns the last messages, n at most, newest first.
func (a *Archive) newest(n int) (last []Message, err error) {
	rows, err := a.store.file.conn.QueryContext(context.Background(), "SELECT "+columns+" FROM message ORDER BY sequence DESC LIMIT ?", n)
	if err != nil {
		return nil, explain(a.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Message
		if err := m.scan(rows); err != nil {
			return nil, explain(a.path, err)
		}
		last = append(last, m)
	}
	return last, explain(a.path, rows.Err())
}
