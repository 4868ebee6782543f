package history

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// A file that was in an older form has no index of words that can be used, and may
// have millions of messages. They are indexed while the server runs, the newest
// first and some at a time; searches look at the others one by one meanwhile. Where
// the index lacks messages is in the file, so the next server goes on there. The
// same goes for messages whose text another program has changed.

// indexBatch is how many messages are indexed in one transaction: few enough that
// those that were just said do not wait for long.
const indexBatch = 1000

// index indexes some messages that are not indexed yet, if it is time to.
func (a *Archive) index(now time.Time) {
	if now.Before(a.indexAt) {
		return
	}
	n, err := a.store.file.indexSome()
	switch {
	case err != nil:
		if !a.failing && !isBusy(err) {
			a.config.Logger.Warn("messages can't be indexed; searching takes longer", "file", a.path, "reason", reason(err))
		}
		n = 0
	case n == indexBatch && !a.indexing:
		a.indexing = true
		a.config.Logger.Info("the history is being indexed anew; searching takes longer meanwhile", "file", a.path)
	case n < indexBatch && a.indexing:
		a.indexing = false
		a.config.Logger.Info("the history is indexed", "file", a.path)
	}
	if done := time.Now(); n == indexBatch {
		a.indexAt = done.Add(done.Sub(now)) // the disk has time for others
		return
	}
	a.indexAt = a.inspectAt
	a.walPending = a.walPending || n > 0
}

// indexSome indexes messages that are not indexed yet, indexBatch at most, and
// returns how many.
func (f *file) indexSome() (indexed int64, err error) {
	ctx := context.Background()
	var some bool
	if err := f.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM unindexed)").Scan(&some); err != nil || !some {
		return 0, err
	}
	err = f.transact(func() error {
		for indexed < indexBatch {
			var id, first, last int64
			err := f.conn.QueryRowContext(ctx, "SELECT rowid, first, last FROM unindexed ORDER BY rowid DESC LIMIT 1").Scan(&id, &first, &last)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			n, from, err := f.indexLast(first, last, indexBatch-indexed)
			if err != nil {
				return err
			}
			if indexed += n; from > first {
				_, err = f.exec("UPDATE unindexed SET last = ? WHERE rowid = ?", from-1, id)
			} else {
				_, err = f.exec("DELETE FROM unindexed WHERE rowid = ?", id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return indexed, err
}

// indexLast indexes the last of the messages between two sequences, most at most. It
// returns how many, and from which sequence on all are indexed.
func (f *file) indexLast(first, last, most int64) (n, from int64, err error) {
	err = f.conn.QueryRowContext(context.Background(), `SELECT count(*), coalesce(min(sequence), 0) FROM
		(SELECT sequence FROM message WHERE sequence BETWEEN ? AND ? ORDER BY sequence DESC LIMIT ?)`, first, last, most).Scan(&n, &from)
	if err != nil {
		return 0, 0, err
	}
	if n < most {
		from = first
	}
	// A message may be indexed already, if the text of another was changed twice.
	_, err = f.exec("INSERT OR REPLACE INTO search (rowid, words) SELECT sequence, "+termsOf+"(text) FROM message WHERE sequence BETWEEN ? AND ?", from, last)
	return n, from, err
}
