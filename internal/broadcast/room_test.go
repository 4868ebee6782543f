package broadcast

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A room runs goroutines around one log until all are done, one fails, or it takes
// too long.
type room struct {
	t         testing.TB
	log       *Log
	ctx       context.Context
	fail      context.CancelCauseFunc
	running   sync.WaitGroup
	appending atomic.Int32 // loops that will append more
	holds     atomic.Int32 // how often a loop found the room held
	enough    atomic.Bool  // this batch is the last
}

func newRoom(t testing.TB, backlog, slack int) *room {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r := &room{t: t, log: New(backlog, slack)}
	r.ctx, r.fail = context.WithCancelCause(ctx)
	return r
}

// start runs f. Its error ends the others.
func (r *room) start(f func(context.Context) error) {
	r.running.Go(func() {
		if err := f(r.ctx); err != nil {
			r.fail(err)
		}
	})
}

// wait returns when all are done, and ends the test if one failed.
func (r *room) wait() {
	r.t.Helper()
	r.running.Wait()
	if err := context.Cause(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// follow starts a goroutine that passes on what a follower reads.
func (r *room) follow(f *Follower, entries []Entry, entry func(*Entry) error) {
	r.start(func(ctx context.Context) error {
		defer f.Close()
		return readAll(ctx, f, entries, entry)
	})
}

// canBeWoken reports whether the follower's group sleeps, or has a wake-up left over.
func (f *Follower) canBeWoken() bool { return f.group.sleeping.Load() || len(f.group.wake) > 0 }

// readAll passes on what a follower reads until the log is closed.
func readAll(ctx context.Context, f *Follower, entries []Entry, entry func(*Entry) error) error {
	for {
		n, err := f.Next(ctx, entries)
		if f.canBeWoken() {
			return errors.New("a follower that is awake can still be woken")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range entries[:n] {
			if err := entry(&entries[i]); err != nil {
				return err
			}
		}
	}
}

// An eventLoop does what a server's loop does: it appends what its senders send
// while the room is not held, writes what is new to its clients, and sleeps when
// there is nothing to do. The last loop to end closes the log.
type eventLoop struct {
	room    *room
	random  *rand.Rand
	cursor  *Cursor
	wake    chan struct{}
	batch   *Batch
	senders [2]*Sender
	sent    [2]int
	left    int // messages to be sent
	clients []*connection

	announces bool // a notice after each batch
}

// A connection is a client of a loop.
type connection struct {
	streamChecker
	self *Sender
	lazy bool // reads only when the room is held, or all is appended
	at   Position
	lent []byte // read by reference, and checked again after the cursor has passed it
	was  string // what lent held
}

// join adds a loop to the room; id is different for each.
func (r *room) join(id uint64, messages, batch int) *eventLoop {
	l := &eventLoop{
		room:    r,
		random:  rand.New(rand.NewPCG(1, id)),
		wake:    make(chan struct{}, 1),
		batch:   NewBatch(batch * wire.Size),
		senders: [2]*Sender{{ID: 2*id + 1}, {ID: 2*id + 2}},
		left:    messages,
	}
	l.cursor = r.log.Join(l.notify)
	r.appending.Add(1)
	return l
}

func (l *eventLoop) notify() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *eventLoop) connect(self *Sender, lazy bool) *connection {
	c := &connection{self: self, lazy: lazy, at: l.cursor.Position()}
	l.clients = append(l.clients, c)
	return c
}

func (l *eventLoop) run(ctx context.Context) error {
	defer l.cursor.Leave()
	for {
		appended := l.append()
		read, err := l.flush()
		if err != nil {
			return err
		}
		if appended || read {
			continue
		}
		if l.room.appending.Load() == 0 && l.cursor.Position() == l.room.log.Head() {
			return nil
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// append appends one batch if it may.
func (l *eventLoop) append() bool {
	if l.left == 0 {
		return false
	}
	if l.room.log.Held() {
		l.room.holds.Add(1)
		return false
	}
	n := min(l.left, 1+l.random.IntN(len(l.batch.Free())/wire.Size))
	for range n {
		i := l.random.IntN(2)
		put(l.batch, l.senders[i], l.sent[i])
		l.sent[i]++
	}
	l.left -= n
	if l.room.enough.Load() {
		l.left = 0
	}
	l.room.log.Append(l.batch, time.Unix(0, 0))
	if l.announces {
		runtime.Gosched() // lets followers catch up with the head
		l.room.log.Announce(&Notice{From: l.senders[0]})
	}
	l.room.log.Wake(l.cursor)
	if l.left == 0 && l.room.appending.Add(-1) == 0 {
		l.room.log.Close()
	}
	return true
}

// flush has every client read some of what is new to it, and moves the cursor.
func (l *eventLoop) flush() (progress bool, err error) {
	log := l.room.log
	head := log.Head()
	oldest := head
	for _, c := range l.clients {
		if !c.lazy || log.Held() || l.room.appending.Load() == 0 {
			progress = progress || c.at < head
			if err := c.read(log, head, l.random); err != nil {
				return false, err
			}
		}
		oldest = min(oldest, c.at)
	}
	if oldest != l.cursor.Position() {
		l.cursor.Advance(oldest)
	}
	return progress, nil
}

// read takes all there is up to head, or a part of it, as a socket does.
func (c *connection) read(log *Log, head Position, random *rand.Rand) error {
	if string(c.lent) != c.was {
		return errors.New("what was lent has changed")
	}
	var buffer [8][]byte
	stretches, end := log.Gather(buffer[:0], c.at, head, c.self)
	if len(stretches) > 0 && random.IntN(8) == 0 {
		log.Lend(c.at, end)
		c.lent = stretches[0][:min(len(stretches[0]), wire.Size)]
		c.was = string(c.lent)
	}
	total := 0
	for _, s := range stretches {
		total += len(s)
	}
	n := total
	if random.IntN(4) == 0 {
		n = random.IntN(total + 1)
	}
	rest := n
	for _, s := range stretches {
		k := min(rest, len(s))
		if err := c.piece(s[:k]); err != nil {
			return err
		}
		rest -= k
	}
	if n < total {
		end = log.Advance(c.at, n, c.self)
	}
	c.at = end
	return nil
}
