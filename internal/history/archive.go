package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

// A Config says how an Archive keeps messages.
type Config struct {
	// Room is the name of the room.
	Room string
	// Window is how long a message may wait for others to be written with it.
	// Messages of that time may be missing after the process was killed. With 0
	// every message is written, and synced, before anybody receives it.
	Window time.Duration
	// Retain is how long messages are kept; 0 keeps them for good.
	Retain time.Duration
	// Kept is how many of the last messages the room's log keeps. It forgets
	// those that are too old, or were removed from the file.
	Kept int
	// Logger is told when the file can't be written, and when it can again. Nil
	// discards that.
	Logger *slog.Logger
}

// batchSize is how many messages a transaction has at most: enough that the cost
// is that of the rows, few enough that it takes some milliseconds.
const batchSize = 2048

// An Archive writes the messages of a room to a file. It is a follower of the
// room's log, and holds the room when messages come faster than the disk takes
// them.
//
// Its methods must be called in the order in which they are declared here, by one
// goroutine at a time. A file has at most one Archive at a time, and any number
// of Readers.
type Archive struct {
	config   Config
	path     string
	store    *store
	follower *broadcast.Follower
	batch    []broadcast.Entry // the messages to be written next
	pace     pace
	last     int64 // the sequence of the last message that was written
	missing  int64 // how many messages after it could not be written
	epochs   Epochs
	lineage  []epoch      // those of the file's messages
	recorded bool         // the file has them
	failing  bool         // the file can't be written; the logger has been told
	progress atomic.Int64 // grows while a call goes on that has not hung
	hung     <-chan error // returns when a call has ended that hung and used the file; nil if none hangs

	// For forget.
	log       *broadcast.Log
	head      broadcast.Position // after the last message taken from the log
	retained  []retained         // what the log keeps, at least
	version   int64              // SQLite's data_version of versionOf when it was checked last
	versionOf *file

	// For maintain and inspect.
	inspectAt    time.Time // when to inspect the file next
	detached     bool      // the path does not name the file
	reported     string    // what report told the logger last
	walPending   bool      // there may be messages that are only in the -wal
	checkpointed int64     // the sequence of the last message that is in the file itself
	checkpointAt time.Time // when the next checkpoint is due
	rescued      []Message // to be added when the file can be reopened
	overwritten  error     // set if it has happened; Run returns it
	age          *age      // nil: messages are kept for good
	expireAt     time.Time // when to remove old messages next; zero: never
	indexAt      time.Time // when to index messages next that are not indexed yet
	indexing     bool      // there are many of them; the logger has been told
}

// Open opens a file for writing, and creates it if there is none. It fails if
// the file is not a history, or another server writes to it.
func Open(path string, c Config) (*Archive, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, last, err := openStore(path)
	if err != nil {
		return nil, explain(path, err)
	}
	a := &Archive{config: c, path: path, store: s, last: last, batch: make([]broadcast.Entry, batchSize), pace: pace{firstPace}, inspectAt: time.Now()}
	if err := a.beginEpoch(); err != nil {
		return nil, explain(path, errors.Join(err, a.Close()))
	}
	if about, err := s.lock.Stat(); err == nil && about.Mode()&0o077 != 0 {
		c.Logger.Warn("others on this machine can read the history; chmod 600 keeps it from them", "file", path, "mode", about.Mode().Perm())
	}
	a.checkpoint() // if others are reading the file, it is done later
	if c.Retain > 0 {
		if err := a.startExpiry(time.Now()); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Epochs returns the starts of the room's server, this one included.
func (a *Archive) Epochs() Epochs { return a.epochs }

// Next returns the number of the next message: its sequence.
func (a *Archive) Next() uint64 { return uint64(a.last + 1) }

// Last returns the messages right before Next that the log keeps, oldest first,
// without a gap between their sequences. The caller puts them into the log before
// calling Follow.
func (a *Archive) Last() ([]Message, error) {
	last, err := a.newest(a.config.Kept)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i := range last {
		if last[i].Sequence != a.last-int64(i) || a.isTooOld(&retained{time: last[i].Time}, now, elapsed()) {
			last = last[:i]
			break
		}
	}
	slices.Reverse(last)
	for i := range last {
		a.retained = append(a.retained, retained{sequence: last[i].Sequence, time: last[i].Time})
	}
	return last, nil
}

// Follow makes the archive follow a log from its end on. Nothing may be appended
// to the log at the same time.
func (a *Archive) Follow(log *broadcast.Log) {
	if a.config.Window == 0 {
		a.follower = log.FollowAhead()
	} else {
		a.follower = log.FollowLossless()
	}
	a.follower.Limit(a.pace.limit(a.config.Window))
	a.retainLast(log)
}

// Run writes messages until the log is closed and all of them are written, and
// returns nil. If the file can't be written, Run keeps trying, and the room goes
// on for as long as the log's backlog has space. Then the oldest messages are
// left out, unless nobody may receive a message that is not written (Window). Run
// returns an error if messages could not be written when the log was closed; once
// ctx is done, it gives up after a timeout.
func (a *Archive) Run(ctx context.Context) error {
	defer a.follower.Close()
	for {
		n, ended := a.gather()
		if err := a.keep(ctx, a.batch[:n]); err != nil {
			return errors.Join(err, a.overwritten)
		}
		if a.config.Window == 0 {
			a.follower.Publish()
		}
		if err := a.maintain(ctx, n == 0, ended); err != nil || ended {
			return err
		}
	}
}

// maintain does the periodic work, if it is due: it inspects the file, removes old
// messages, and writes a checkpoint. idle reports that there was nothing to write,
// ended that there will be nothing any more; then the file is sealed.
func (a *Archive) maintain(ctx context.Context, idle, ended bool) error {
	if now := time.Now(); !ended && now.Before(a.nextMaintenance()) {
		return nil
	}
	w := a.newWatchdog(ctx)
	defer w.stop()
	var removed error
	err, done := w.do(func() error {
		if ended {
			a.inspectAt = time.Now()
		}
		if err := a.inspectIfDue(); err != nil {
			return err
		}
		a.expire(time.Now())
		if !ended {
			a.index(time.Now())
		}
		if err := a.forget(time.Now()); err != nil && !isBusy(err) {
			return err
		}
		if a.walPending && (idle || ended || !time.Now().Before(a.checkpointAt)) {
			a.checkpoint() // tried again while others are reading the file
			a.checkpointAt = time.Now().Add(checkpointInterval)
		}
		if ended {
			removed = a.errRemoved()
			a.store.seal()
		}
		return nil
	})
	switch {
	case !done:
		return a.giveUp(a.missing + w.leftOut)
	case err != nil:
		a.failed(err)
		a.indexAt = a.inspectAt
		if a.age != nil {
			a.expireAt = a.inspectAt
		}
	}
	a.retain(nil, 0, w.leftOut)
	if a.missing += w.leftOut; ended {
		return errors.Join(a.errMissing(a.missing), a.overwritten, removed, err)
	}
	return nil
}

// nextMaintenance returns when the next periodic work is due.
func (a *Archive) nextMaintenance() time.Time {
	next := a.inspectAt
	for _, at := range []time.Time{a.expireAt, a.indexAt} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// inspectIfDue inspects the file if that is due, or if the file is not open.
func (a *Archive) inspectIfDue() error {
	now := time.Now()
	if now.Before(a.inspectAt) && a.store.file != nil {
		return nil
	}
	a.inspectAt = now.Add(inspectInterval)
	return a.inspect()
}

// errMissing returns an error if messages are missing in the end, and nil
// otherwise.
func (a *Archive) errMissing(missing int64) error {
	if missing += int64(len(a.rescued)); missing == 0 {
		return nil
	}
	return fmt.Errorf("the history %q lacks %s, because it could not be written", a.path, english.Last(missing, "message"))
}

// gather fills the batch with the messages that are there and those that come
// within the window. It may return none when maintenance is due. ended reports
// that there will be no more.
func (a *Archive) gather() (n int, ended bool) {
	n, ended = a.take(a.batch, 0, a.nextMaintenance())
	for n > 0 && n < len(a.batch) && !ended {
		window := a.config.Window / 2 // see pace
		wait := min(window, time.Until(a.batch[0].Time.Add(window)))
		if wait <= 0 {
			break
		}
		before := n
		n, ended = a.take(a.batch, n, time.Now().Add(wait))
		if n == before {
			break
		}
	}
	return n, ended
}

// take waits for messages until a time (zero: without a limit), and appends them
// to the first n entries. It returns how many entries there are then.
func (a *Archive) take(entries []broadcast.Entry, n int, until time.Time) (_ int, ended bool) {
	ctx := context.Background()
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	for {
		k, err := a.follower.Next(ctx, entries[n:])
		if err != nil {
			return n, errors.Is(err, io.EOF)
		}
		messages := slices.DeleteFunc(entries[n:n+k], func(e broadcast.Entry) bool {
			return e.Notice != nil || e.SkippedNotices > 0
		})
		if n += len(messages); len(messages) > 0 {
			return n, false
		}
	}
}

// Close closes the file. What Run has written is kept.
func (a *Archive) Close() error {
	if a.hung != nil {
		go func() {
			<-a.hung // it still uses the file
			a.store.close()
		}()
		return nil
	}
	return a.store.close()
}
