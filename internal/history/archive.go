package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

// A Config says how an Archive keeps messages.
type Config struct {
	// Room is the name of the room.
	Room string
	// Window is how long a message may wait for others to be written with it,
	// and so what may be missing after the process was killed. 0 has every
	// message written, and synced, before anybody receives it.
	Window time.Duration
	// Retain is for how long messages are kept; 0 is for good.
	Retain time.Duration
	// Replay is how many of the last messages the room's log retains. None of
	// them is replayed when it is too old, or was removed from the file.
	Replay int
	// Logger is told when the file can't be written, and when it can again. Nil
	// discards that.
	Logger *slog.Logger
}

// batchSize is how many messages a transaction has at most: enough that its
// cost is that of its rows, few enough that it takes some milliseconds.
const batchSize = 2048

// An Archive writes what is said in a room to a file. It is one more reader of
// the room's log, and holds the room when more is said than its disk takes.
//
// Its methods are called in the order in which they stand here, by one
// goroutine at a time. A file has one Archive at a time, and any number of
// Readers.
type Archive struct {
	config   Config
	path     string
	store    *store
	follower *broadcast.Follower
	entries  []broadcast.Entry // of the batch that is to be written
	pace     pace
	last     int64 // the sequence of the message that was written last
	missing  int64 // messages after it that could not be kept
	fails    bool  // the file can't be written; the logger knows
	hangs    bool  // something still waits for the file

	// What forget knows, see there.
	log       *broadcast.Log
	head      broadcast.Position // after the last message that was taken
	replayed  []retained
	version   int64 // of the file's content, the last time it was looked at
	versionOf *file

	// What inspect knows, see there.
	lookAt    time.Time // when to look again
	adrift    bool      // the path does not name the file
	complaint string    // what the logger was told last
	unsettled bool      // there is something that is not in the file itself
	settled   int64     // the sequence of the last message that is
	settleAt  time.Time // when to put it there at the latest
	rescued   []Message // to be written to the file when it can be opened
	harm      error     // what to say in the end
	age       *age      // nil: messages are kept for good
	expireAt  time.Time // when to look for messages that are too old; zero: never
}

// Open opens a file to write to, and creates it if there is none. It fails if
// the file is something else, or is written to by another server.
func Open(path string, c Config) (*Archive, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, last, err := openStore(path)
	if err != nil {
		return nil, explain(path, err)
	}
	a := &Archive{config: c, path: path, store: s, last: last, entries: make([]broadcast.Entry, batchSize), pace: pace{firstPace}, lookAt: time.Now()}
	if about, err := s.lock.Stat(); err == nil && about.Mode()&0o077 != 0 {
		c.Logger.Warn("others on this machine can read the history; chmod 600 keeps it from them", "file", path, "mode", about.Mode().Perm())
	}
	a.settle() // if others read it now, it is done later
	if c.Retain > 0 {
		if err := a.beginToExpire(time.Now()); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Last returns the last messages that are to be replayed, the oldest first. They
// are to be put into the log before it is followed.
func (a *Archive) Last() ([]Message, error) {
	last, err := a.newest(a.config.Replay)
	if err != nil {
		return nil, err
	}
	if tooOld := slices.IndexFunc(last, func(m Message) bool { return a.isTooOld(&retained{time: m.Time}, time.Now()) }); tooOld >= 0 {
		last = last[:tooOld]
	}
	slices.Reverse(last)
	for i := range last {
		a.replayed = append(a.replayed, retained{sequence: last[i].Sequence, time: last[i].Time})
	}
	return last, nil
}

// Follow has the archive keep what is said from now on. Nobody may append to
// the log at the same time.
func (a *Archive) Follow(log *broadcast.Log) {
	if a.config.Window == 0 {
		a.follower = log.FollowAhead()
	} else {
		a.follower = log.FollowLossless()
	}
	a.follower.Limit(a.pace.limit(a.config.Window))
	a.restored(log)
}

// Run writes what is said until the log is closed and all of it was written,
// and returns nil. If the file can't be written, it goes on trying, and the
// room goes on for as long as the log's backlog has room; then the oldest
// messages are left out, unless nobody may receive what is not kept (Window).
// It returns an error if messages could not be kept when the log was closed;
// once ctx is done, it does not try for long.
func (a *Archive) Run(ctx context.Context) error {
	defer a.follower.Close()
	for {
		n, ended := a.gather()
		if err := a.keep(ctx, a.entries[:n]); err != nil {
			return errors.Join(err, a.harm)
		}
		if a.config.Window == 0 {
			a.follower.Publish()
		}
		if err := a.tend(ctx, n == 0, ended); err != nil || ended {
			return err
		}
	}
}

// tend does what is to be done now and then: idle is when there was nothing to
// write, ended is when there never will be.
func (a *Archive) tend(ctx context.Context, idle, ended bool) error {
	if now := time.Now(); !ended && now.Before(a.nextTend()) {
		return nil
	}
	v := a.newVigil(ctx)
	defer v.end()
	var lost error
	err, done := v.do(func() error {
		if ended {
			a.lookAt = time.Now()
		}
		if err := a.inspectIfDue(); err != nil {
			return err
		}
		a.expire(time.Now())
		if err := a.forget(time.Now()); err != nil && !isBusy(err) {
			return err
		}
		if a.unsettled && (idle || ended || !time.Now().Before(a.settleAt)) {
			a.settle() // tried again, until others let it
			a.settleAt = time.Now().Add(settleEvery)
		}
		if ended {
			lost = a.lost()
			a.store.seal()
		}
		return nil
	})
	switch {
	case !done:
		return a.giveUp(a.missing + v.leftOut)
	case err != nil:
		a.failed(err)
		if a.age != nil {
			a.expireAt = a.lookAt
		}
	}
	a.retain(nil, 0, v.leftOut)
	if a.missing += v.leftOut; ended {
		return errors.Join(a.lacks(a.missing), a.harm, lost, err)
	}
	return nil
}

// nextTend returns when there will be something to tend to.
func (a *Archive) nextTend() time.Time {
	if a.expireAt.IsZero() || a.lookAt.Before(a.expireAt) {
		return a.lookAt
	}
	return a.expireAt
}

// inspectIfDue inspects the file if it is time to, or if it is not open.
func (a *Archive) inspectIfDue() error {
	now := time.Now()
	if now.Before(a.lookAt) && a.store.file != nil {
		return nil
	}
	a.lookAt = now.Add(lookEvery)
	return a.inspect()
}

// lacks returns an error if messages are missing in the end.
func (a *Archive) lacks(missing int64) error {
	if missing == 0 {
		return nil
	}
	return fmt.Errorf("the history %q lacks %s, because it could not be written", a.path, english.Last(missing, "message"))
}

// gather fills entries with messages: those there are, and those that come
// within the window. It may return without any, when something else is to be
// done. ended reports that there will be no more.
func (a *Archive) gather() (n int, ended bool) {
	n, ended = a.take(a.entries, 0, a.nextTend())
	for n > 0 && n < len(a.entries) && !ended {
		window := a.config.Window / 2 // see pace
		due := min(window, time.Until(a.entries[0].Time.Add(window)))
		if due <= 0 {
			break
		}
		before := n
		n, ended = a.take(a.entries, n, time.Now().Add(due))
		if n == before {
			break
		}
	}
	return n, ended
}

// take waits for messages until some time (zero: for as long as it takes), and
// puts them after the first n entries. It returns how many there are then.
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
	if a.hangs {
		return nil // what waited for the file has it
	}
	return a.store.close()
}
