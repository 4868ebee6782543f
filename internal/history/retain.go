package history

import "time"

// pruneBatch is how many messages are removed in one transaction, so that who
// writes does not wait for long.
const pruneBatch = 1000

// expire removes messages that are older than they are to be kept, if it is
// time to. There may be more: then it is time again at once.
func (a *Archive) expire(now time.Time) {
	if a.expireAt.IsZero() || now.Before(a.expireAt) {
		return
	}
	n, err := a.store.file.removeSome(now.Add(-a.config.Retain))
	if err != nil && !a.fails {
		a.config.Logger.Warn("old messages can't be removed from the history", "file", a.path, "reason", reason(err))
	}
	if err == nil && n == pruneBatch {
		return
	}
	// Nobody minds if a message is kept for a little longer.
	a.expireAt = now.Add(min(max(a.config.Retain/10, 100*time.Millisecond), time.Minute))
}

// removeSome removes the oldest messages from before a time, pruneBatch at
// most, and returns how many.
func (f *file) removeSome(before time.Time) (n int64, err error) {
	err = f.transact(func() (err error) {
		n, err = f.exec(`DELETE FROM message WHERE sequence IN
			(SELECT sequence FROM message WHERE time < ? ORDER BY time LIMIT ?)`, before.UnixNano(), pruneBatch)
		return err
	})
	return n, err
}
