package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

// A Config says how an Archive keeps messages.
type Config struct {
	// Window is how long a message may wait for others to be written with it.
	// Messages of that time may be missing after the process was killed. With 0
	// every message is written, and synced, before anybody receives it.
	Window time.Duration
	// Retain is how long messages are kept; 0 keeps them for good. It is for all rooms
	// that have no time of their own, those that are not open included: one that keeps
	// its messages for longer has to be opened before Run.
	Retain time.Duration
	// Former is what another archive has passed on, which had the file before in the same
	// start of the server; the zero value is none.
	Former Former
	// RetainBytes is how large the file may be, as far as it is in use: beyond that the
	// oldest messages are removed, of all rooms. 0 is no bound.
	RetainBytes int64
	// Logger is told when the file can't be written, and when it can again. Nil
	// discards that.
	Logger *slog.Logger
}

// An Archive writes the messages of rooms to a file. It follows the rooms' logs, and
// holds a room when its messages come faster than the disk takes them.
//
// Room may be called at any time, and its rooms be used, by any goroutine. Run and Close
// must be called in this order, by one. A file has at most one Archive at a time, and any
// number of Readers.
type Archive struct {
	config   Config
	path     string
	group    *broadcast.Group
	batch    batch // the messages to be written next
	pace     pace
	activity activity
	starts   *starts
	failing  bool // the file can't be written; the logger has been told
	flush    atomic.Pointer[flush]
	share    atomic.Int64 // see setShare
	ending   []*Room      // whose logs have been read to their ends; what was said there last is in the batch
	progress atomic.Int64 // grows while a call goes on that has not hung
	counts   counts
	hung     <-chan error // returns when a call has ended that hung and used the file; nil if none hangs

	finishing context.Context // done when there will be no more rooms
	finish    context.CancelFunc
	over      chan struct{} // closed when Run has ended

	mu       sync.Mutex              // guards changes of those below
	rooms    map[string]*Room        // changed with file locked, too
	followed atomic.Pointer[[]*Room] // those whose messages are not all written; replaced by each change

	// file is locked for each use of what is below, and for transactions. A call that
	// hangs keeps it.
	file     sync.Mutex
	store    *store
	sequence int64   // of the last message that was written
	lineage  []epoch // those of the file
	recorded bool    // the file has them

	// For forget.
	version   int64 // SQLite's data_version of versionOf when it was checked last
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
	expiries     expiries
	sizes        sizes
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
	a := &Archive{
		config:    c,
		path:      path,
		group:     broadcast.NewGroup().Named("history"),
		batch:     newBatch(),
		pace:      pace{firstPace},
		over:      make(chan struct{}),
		rooms:     make(map[string]*Room),
		store:     s,
		sequence:  last,
		inspectAt: time.Now(),
	}
	a.share.Store(int64(a.pace.limit(c.Window)))
	a.finishing, a.finish = context.WithCancel(context.Background())
	a.followed.Store(new([]*Room))
	if err := a.beginEpoch(); err != nil {
		return nil, explain(path, errors.Join(err, a.Close()))
	}
	if about, err := s.lock.Stat(); err == nil && about.Mode()&0o077 != 0 {
		c.Logger.Warn("others on this machine can read the history; chmod 600 keeps it from them", "file", path, "mode", about.Mode().Perm())
	}
	a.checkpoint() // if others are reading the file, it is done later
	if err := a.startExpiry(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Finish says that no more rooms will be opened: Run returns when the logs of those that
// are open are closed and all is written.
func (a *Archive) Finish() { a.finish() }

// Run writes messages until Finish is called, or ctx is done, the logs are closed, and all
// messages are written, and returns nil. If the file can't be written, Run keeps trying,
// and each room goes on for as long as its log's backlog has space. Then its oldest
// messages are left out, unless nobody may receive a message that is not written (Window).
// Run returns an error if messages could not be written when the logs were closed; once
// ctx is done, it gives up after a timeout.
func (a *Archive) Run(ctx context.Context) error {
	defer close(a.over)
	defer a.group.Close()
	defer context.AfterFunc(ctx, a.finish)()
	for {
		f := a.flush.Load() // before looking for messages
		a.gather()
		ended, idle := a.isOver(), a.batch.isEmpty()
		if err := a.keep(ctx); err != nil {
			return errors.Join(err, a.overwritten)
		}
		for _, r := range a.ending {
			a.end(r)
		}
		a.ending = a.ending[:0]
		if err := a.maintain(ctx, idle, ended); err != nil || ended {
			return err
		}
		if f != nil && idle {
			a.flushed(f)
		}
	}
}

// isOver reports whether all that will be said is in the batch, or written.
func (a *Archive) isOver() bool {
	// In this order: rooms are followed before Finish.
	return a.finishing.Err() != nil && len(*a.followed.Load()) == len(a.ending)
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
	err, done := w.do(func() (err error) {
		a.file.Lock()
		defer a.file.Unlock()
		defer func() {
			if err != nil {
				a.expiries.postpone(a.inspectAt)
			}
		}()
		if ended {
			a.inspectAt = time.Now()
		}
		if err := a.inspectIfDue(); err != nil {
			return err
		}
		a.expire(time.Now())
		a.shrink(time.Now())
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
		return a.giveUp(w)
	case err != nil:
		a.failed(err)
		a.indexAt, a.sizes.at = a.inspectAt, a.inspectAt
	default:
		a.counts.succeed()
	}
	w.record()
	if ended {
		return errors.Join(a.errMissing(0), a.overwritten, removed, err)
	}
	return nil
}

// nextMaintenance returns when the next periodic work is due.
func (a *Archive) nextMaintenance() time.Time {
	next := a.inspectAt
	if !a.indexAt.IsZero() && a.indexAt.Before(next) {
		next = a.indexAt
	}
	if at := a.sizes.at; !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := a.expiries.next.Load(); at != nil && at.Before(next) {
		next = *at
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

// errMissing returns an error if messages are missing in the end, these and those that
// the rooms count, and nil otherwise.
func (a *Archive) errMissing(missing int64) error {
	missing += a.missing()
	if missing += int64(len(a.rescued)); missing == 0 {
		return nil
	}
	return fmt.Errorf("the history %q lacks %s, because it could not be written", a.path, english.Last(missing, "message"))
}

// gather fills the batch with the messages that are there and those that come
// within the window. There may be none when maintenance is due.
func (a *Archive) gather() {
	a.batch.clear()
	until := a.nextMaintenance()
	if a.flush.Load() != nil {
		until = time.Time{} // take what there is
	}
	a.take(until)
	for !a.batch.isEmpty() && !a.batch.isFull() && !a.isOver() {
		window := a.config.Window / 2 // see pace
		wait := min(window, time.Until(a.batch.oldest.Add(window)))
		if a.flush.Load() != nil {
			wait = 0
		}
		if before := a.batch.used; !a.take(time.Now().Add(wait)) || a.batch.used == before {
			break
		}
	}
}

// take waits for messages of a room until a time, and adds them to the batch. It reports
// whether there were any.
func (a *Archive) take(until time.Time) bool {
	for !a.isOver() {
		ctx, cancel := a.waitUntil(until)
		r, entries, err := a.nextOf(ctx, a.batch.free(turn))
		cancel()
		switch {
		case errors.Is(err, io.EOF):
			a.ending = append(a.ending, r)
		case err != nil:
			return false
		case len(entries) > 0:
			a.batch.add(r, entries)
			a.counts.taken.Store(int64(a.batch.used))
			return true
		}
	}
	return false
}

// waitUntil returns a context that is done at a time, or when Finish is called.
func (a *Archive) waitUntil(until time.Time) (context.Context, context.CancelFunc) {
	parent := a.finishing
	if parent.Err() != nil {
		parent = context.Background()
	}
	return context.WithDeadline(parent, until)
}

// nextOf waits for the next messages of a room. There may be none.
func (a *Archive) nextOf(ctx context.Context, free []broadcast.Entry) (*Room, []broadcast.Entry, error) {
	f, n, err := a.group.Next(ctx, free)
	if f == nil {
		return nil, nil, err
	}
	return f.Owner().(*Room), onlyMessages(free[:n]), err
}

// Close closes the file. What Run has written is kept.
func (a *Archive) Close() error {
	a.finish()
	if a.hung != nil {
		go func() {
			<-a.hung // it still uses the file
			a.store.close()
		}()
		return nil
	}
	a.file.Lock()
	defer a.file.Unlock()
	return a.store.close()
}
