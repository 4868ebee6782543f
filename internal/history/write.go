package history

import (
	"context"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// write writes messages in one transaction.
func (a *Archive) write(entries []broadcast.Entry) error {
	if err := a.inspectIfDue(); err != nil {
		return err
	}
	s, sequence, began := a.store, a.last+a.missing, time.Now()
	err := s.file.transact(func() error {
		if !a.recorded {
			if err := s.putEpochs(a.lineage); err != nil {
				return err
			}
		}
		for i := range entries {
			e := &entries[i]
			sequence++
			if err := s.put(sequence, e.Time, a.config.Room, e.From, &e.Message); err != nil {
				return err
			}
			a.progress.Add(1)
		}
		first, to := a.last+1, sequence-int64(len(entries))
		for ; to < sequence; first = to + 1 {
			to = min(to+indexStep, sequence)
			if err := s.index(first, to); err != nil {
				return err
			}
			a.progress.Add(1)
		}
		return nil
	})
	if err == nil {
		a.last, a.missing, a.walPending, a.recorded = sequence, 0, true, true
		a.pace.measure(len(entries), time.Since(began))
	}
	return err
}

// indexStep is how many messages are indexed in one statement, after which the watchdog
// sees that it goes on.
const indexStep = 128

// put inserts a message.
func (s *store) put(sequence int64, at time.Time, room string, from *broadcast.Sender, m *wire.Message) error {
	address := ""
	if from.Addr.IsValid() {
		address = from.Addr.String()
	}
	_, err := s.insert.ExecContext(context.Background(), sequence, at.UnixNano(), room,
		kept(m[:wire.NameSize]), []byte(from.Name), address, kept(m[wire.NameSize:]))
	return err
}

// index indexes the words of the messages between two sequences, which must not be
// indexed yet.
func (s *store) index(first, last int64) error {
	_, err := s.file.exec("INSERT INTO search (rowid, words) SELECT sequence, "+termsOf+"(text) FROM message WHERE sequence BETWEEN ? AND ?", first, last)
	return err
}

const (
	// retryInterval is how long to wait before writing again after an error, and
	// lockRetryInterval if another program keeps the file locked.
	retryInterval     = time.Second
	lockRetryInterval = 20 * time.Millisecond
	// maxLockWait is how long another program may keep the file locked before
	// that counts as a failure. Prune locks it in many short transactions.
	maxLockWait = time.Second
)

// keep writes messages, and tries again until it succeeds. If the room would have
// to wait for that, it leaves them out; if the server ends, it gives up after a
// timeout.
func (a *Archive) keep(ctx context.Context, entries []broadcast.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	w := a.newWatchdog(ctx)
	defer w.stop()
	missing, began := a.missing, time.Now()
	all := func() int64 { return missing + int64(len(entries)) + w.leftOut }
	for {
		err, ended := w.do(func() error { return a.write(entries) })
		if !ended {
			return a.giveUp(all())
		}
		if err == nil {
			a.follower.Limit(a.pace.limit(a.config.Window))
			a.missing = w.leftOut
			a.retain(entries, a.last-int64(len(entries))+1, w.leftOut)
			a.recovered(missing + w.leftOut)
			return nil
		}
		a.follower.Limit(0)
		wait := lockRetryInterval
		if !isBusy(err) || time.Since(began) > maxLockWait {
			a.failed(err)
		}
		if !isBusy(err) {
			wait = retryInterval
		}
		if again, over := w.pause(wait); over {
			return a.giveUp(all())
		} else if !again {
			a.missing = all()
			a.retain(entries, 0, w.leftOut)
			return nil
		}
	}
}

// giveUp counts the messages that are still in the log, and returns an error with
// them and those that are missing already.
func (a *Archive) giveUp(missing int64) error {
	entries := make([]broadcast.Entry, batchSize) // a write that hangs still uses the batch
	for {
		n, ended := a.take(entries, 0, time.Time{})
		if missing += int64(n); ended {
			return a.errMissing(missing)
		}
	}
}

// failed tells the logger, once, that the file can't be written.
func (a *Archive) failed(err error) {
	if a.failing {
		return
	}
	a.failing = true
	a.follower.Limit(0)
	what := "the history can't be written; the chat goes on, and messages wait in memory for as long as there is space"
	if a.config.Window == 0 {
		what = "the history can't be written; the chat waits until it can"
	}
	a.config.Logger.Error(what, "file", a.path, "reason", reason(err))
}

// recovered tells the logger that the file was written again, and how many
// messages are missing in it.
func (a *Archive) recovered(missing int64) {
	if !a.failing {
		return
	}
	a.failing = false
	if missing > 0 {
		a.config.Logger.Error("the history is written again, but messages are missing in it", "file", a.path, "missing", missing)
	} else {
		a.config.Logger.Info("the history is written again, and nothing is missing in it", "file", a.path)
	}
}
