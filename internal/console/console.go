// Package console is the reader that prints: it follows the logs of all rooms and puts
// what happens there into lines, for a person or for a program, so that
// nothing a client sends can act on a terminal or pass for a line of ours.
//
// It knows logs and an io.Writer. It knows nothing of clients, sockets or
// terminals: whether the output is one, and has colours, it is told.
package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/repeat"
)

// A Format is the kind of lines a Console prints.
type Format uint8

const (
	// Text is for people: "name: text".
	Text Format = iota
	// JSON is for programs: one object a line.
	JSON
)

// Options say how a Console prints. The zero value prints plain text.
type Options struct {
	Format Format
	// Times puts the local time, 15:04:05, before each line of text.
	Times bool
	// Colours gives each name a colour and dims the lines that are not
	// messages, with the escape sequences of a terminal. Text only.
	Colours bool
	// HideKeys shows that a key was given, and not which. A wrong one may be a
	// password for something else.
	HideKeys bool
	// Logger is told when the output fails and when it works again. It never
	// gets what a client sent, and so no key. Nil discards that.
	Logger *slog.Logger
	// Former is what another console has passed on, which printed to the same output
	// before.
	Former Former
}

// batchSize is how many entries become one Write: enough that a burst costs
// few system calls, few enough that the first of them is not kept waiting.
const batchSize = 128

// A Console prints what happens in rooms. Run belongs to one goroutine; the other
// methods may be called by any.
type Console struct {
	format    formatter
	out       output
	windows   []window // those that have begun, the first to end first
	entries   [batchSize]broadcast.Entry
	group     *broadcast.Group
	following atomic.Int64    // rooms whose log was not read to its end
	finishing context.Context // done when there will be no more
	finish    context.CancelFunc
	flush     atomic.Pointer[flush]
	former    Former
}

// A feed is what a Console knows of a room. Of a quiet one that is little: there may
// be thousands.
type feed struct {
	name string // of the room
	tag  string // begins each line, so that it tells the room
	repeats
	lost counts // left out because the output failed, and not said yet
}

// A formatter puts things into words. Each method appends one line, which ends
// in the only line break it has, and allocates nothing else.
type formatter interface {
	// tag returns what tells a room by its name, for the other methods. Without
	// a tag, lines tell no room.
	tag(room string) string
	message(dst []byte, tag string, e *broadcast.Entry) []byte
	notice(dst []byte, tag string, n *broadcast.Notice) []byte
	gap(dst []byte, tag string, g gap, now time.Time) []byte
	repeated(dst []byte, tag string, sum repeat.Sum[repeated], now time.Time) []byte
}

// New returns a Console that prints to out. It does not close out.
//
// If out is standard output, the program must ignore SIGPIPE: Go otherwise
// ends a program that writes there when the reader is gone.
func New(out io.Writer, o Options) *Console {
	c := &Console{out: output{w: out, logger: o.Logger}, group: broadcast.NewGroup().Named("console")}
	c.finishing, c.finish = context.WithCancel(context.Background())
	c.goOn(o.Former)
	if c.out.logger == nil {
		c.out.logger = slog.New(slog.DiscardHandler)
	}
	if o.Format == JSON {
		json := newJSONFormat()
		json.hideKeys = o.HideKeys
		c.format = json
	} else {
		text := newTextFormat(o.Times, o.Colours)
		text.hideKeys = o.HideKeys
		c.format = text
	}
	return c
}

// Follow has the console print what happens from now on in a room, until its log is
// closed. If the room has a name, its lines tell that.
func (c *Console) Follow(log *broadcast.Log, room string) {
	f := &feed{name: room}
	if room != "" {
		f.tag = c.format.tag(room)
	}
	c.takeFormer(f)
	c.following.Add(1)
	c.group.FollowSkipping(log, f)
}

// Finish says that Follow is not called any more, so that Run ends with the last log.
func (c *Console) Finish() { c.finish() }

// Run prints what happens, of each room in its order, until Finish was called and all
// logs are closed and printed; then it returns nil. It gives up earlier, with ctx's
// error, once ctx is done, though not while a Write blocks.
//
// A failing output is no reason to return. While it fails, messages are left
// out, and the lines that say how many come first when it works again. If it
// is closed, Run goes on without a word until the logs end. If a Write blocks,
// it skips what it has to.
func (c *Console) Run(ctx context.Context) error {
	defer c.group.Close()
	unfinished, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.finishing, cancel)()
	for ctx.Err() == nil {
		waiting := unfinished
		if c.finishing.Err() != nil {
			if c.following.Load() == 0 {
				c.begin(time.Now()) // the last chance for what could not be written
				c.out.flush()
				return nil
			}
			waiting = ctx
		}
		c.printNext(waiting)
	}
	return ctx.Err()
}

// printNext waits until there is something to print, or ctx is done, and prints that:
// what many rooms have goes into one Write.
func (c *Console) printNext(ctx context.Context) {
	request := c.flush.Load() // before looking for entries
	f, n, err := c.group.Next(atOnce, c.entries[:])
	if f == nil && request != nil {
		c.flushed(request)
		return
	}
	if f == nil {
		f, n, err = c.wait(ctx)
	}
	now := time.Now()
	c.begin(now)
	for printed := 0; f != nil; {
		if errors.Is(err, io.EOF) {
			c.end(f)
		} else {
			c.append(f.Owner().(*feed), c.entries[:n], now)
		}
		if printed += n; printed >= batchSize {
			break
		}
		f, n, err = c.group.Next(atOnce, c.entries[:])
	}
	c.out.flush()
}

// wait waits for entries, or until there is something to say without any.
func (c *Console) wait(ctx context.Context) (*broadcast.Follower, int, error) {
	if due := c.due(); !due.IsZero() && !c.out.gone {
		until, cancel := context.WithDeadline(ctx, due)
		defer cancel()
		ctx = until
	}
	return c.group.Next(ctx, c.entries[:])
}

// atOnce is the context of a call that does not wait.
var atOnce = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// begin begins a batch with what was left out so far.
func (c *Console) begin(now time.Time) {
	if !c.out.gone {
		c.printLost()
		c.printRepeats(now)
	}
}

// append appends entries of a room to the batch.
func (c *Console) append(f *feed, entries []broadcast.Entry, now time.Time) {
	if c.out.gone {
		return
	}
	for i := range entries {
		c.printEntry(f, &entries[i], now)
	}
}

// end ends a room, with what there is to say of it.
func (c *Console) end(f *broadcast.Follower) {
	c.endFeed(f.Owner().(*feed))
	f.Close()
	c.following.Add(-1)
}

func (c *Console) endFeed(f *feed) {
	if c.out.gone {
		return
	}
	for k := range kinds {
		c.endWindow(f, k)
	}
}

func (c *Console) printEntry(f *feed, e *broadcast.Entry, now time.Time) {
	switch {
	case e.Skipped > 0 || e.SkippedNotices > 0:
		c.printGap(f, gap{counts{e.Skipped, e.SkippedNotices}, tooSlow})
		f.unseen = nil // which of them have left is not known
	case e.Notice != nil && !c.show(f, e.Notice, now):
	case e.Notice != nil:
		c.out.buf = c.format.notice(c.out.buf, f.tag, e.Notice)
		c.out.endLine(f, counts{events: 1})
	default:
		c.out.buf = c.format.message(c.out.buf, f.tag, e)
		c.out.endLine(f, counts{messages: 1})
	}
}

// printLost says how much was left out while the output failed.
func (c *Console) printLost() {
	for _, f := range c.out.takeLost() {
		n := f.lost
		f.lost = counts{}
		c.printGap(f, gap{n, failed})
	}
}

func (c *Console) printGap(f *feed, g gap) {
	c.out.buf = c.format.gap(c.out.buf, f.tag, g, time.Now())
	c.out.endLine(f, g.counts)
}
