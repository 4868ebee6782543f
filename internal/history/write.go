package history

import (
	"context"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// write writes messages in one transaction.
func (a *Archive) write(entries []broadcast.Entry) error {
	sequence, began := a.last+a.missing, time.Now()
	err := a.file.transact(func() error {
		for i := range entries {
			e := &entries[i]
			sequence++
			address := ""
			if e.From.Addr.IsValid() {
				address = e.From.Addr.String()
			}
			if _, err := a.insert.ExecContext(context.Background(), sequence, e.Time.UnixNano(), a.config.Room,
				kept(e.Message[:wire.NameSize]), []byte(e.From.Name), address, kept(e.Message[wire.NameSize:])); err != nil {
				return err
			}
		}
		_, err := a.file.exec("INSERT INTO search (rowid, text) SELECT sequence, text FROM searchable WHERE sequence > ?", a.last)
		return err
	})
	if err == nil {
		a.last, a.missing = sequence, 0
		a.pace.measure(len(entries), time.Since(began))
	}
	return err
}

const (
	// tryAgain is how often it is tried to write to a file that can't be
	// written.
	tryAgain = time.Second
	// lookAgain is how often it is looked meanwhile whether the room is held.
	lookAgain = 20 * time.Millisecond
	// lastTries is for how long it is tried when the server ends.
	lastTries = 2 * time.Second
)

// keep writes messages, or tries until it can. If the room would have to wait
// for that, it leaves them out; if the server ends, it gives up.
func (a *Archive) keep(ctx context.Context, entries []broadcast.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var giveUp <-chan time.Time
	ending := ctx.Done()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		missing := a.missing
		err := a.write(entries)
		if err == nil {
			a.follower.Limit(a.pace.limit(a.config.Window))
			a.recovered(missing)
			return nil
		}
		a.follower.Limit(0)
		a.failed(err)
		for again := time.After(tryAgain); again != nil; {
			select {
			case <-again:
				again = nil
			case <-look.C:
				if a.config.Window > 0 && a.follower.IsHolding() {
					a.missing += int64(len(entries))
					return nil
				}
			case <-ending:
				ending, giveUp, again = nil, time.After(lastTries), nil
			case <-giveUp:
				a.missing += int64(len(entries))
				return a.giveUp()
			}
		}
	}
}

// giveUp counts what else there would be to write.
func (a *Archive) giveUp() error {
	for {
		n, ended := a.next(0, time.Time{})
		if a.missing += int64(n); ended {
			return a.checkWhole()
		}
	}
}

// failed tells the logger, once, that the file can't be written.
func (a *Archive) failed(err error) {
	if a.fails {
		return
	}
	a.fails = true
	what := "the history can't be written; the chat goes on, and what is said waits in memory for as long as there is room"
	if a.config.Window == 0 {
		what = "the history can't be written; the chat waits until it can"
	}
	a.config.Logger.Error(what, "file", a.file.path, "reason", reason(err))
}

// recovered tells the logger that the file was written again, and how many
// messages it lacks.
func (a *Archive) recovered(missing int64) {
	if !a.fails {
		return
	}
	a.fails = false
	if missing > 0 {
		a.config.Logger.Error("the history is written again, but messages are missing in it", "file", a.file.path, "missing", missing)
	} else {
		a.config.Logger.Info("the history is written again, and nothing is missing in it", "file", a.file.path)
	}
}
