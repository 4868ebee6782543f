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
}

// batchSize is how many entries become one Write: enough that a burst costs
// few system calls, few enough that the first of them is not kept waiting.
const batchSize = 128

// A Console prints what a Follower reads. It is for one goroutine.
type Console struct {
	format  formatter
	out     output
	windows []window // those that have begun, the first to end first
	entries [batchSize]broadcast.Entry
}

// A feed is what a Console knows of a room. Of a quiet one that is little: there may
// be thousands.
type feed struct {
	tag string // begins each line, so that it tells the room
	repeats
	lost gap // left out because the output failed, and not said yet
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
	c := &Console{out: output{w: out, logger: o.Logger}}
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

// Run prints what f reads until the log is closed and all of it was printed;
// then it returns nil. It gives up earlier, with ctx's error, once ctx is done,
// though not while a Write blocks. It closes f.
//
// A failing output is no reason to return. While it fails, messages are left
// out, and the line that says how many comes first when it works again. If it
// is closed, Run goes on without a word until the log ends. If a Write blocks,
// f skips what it has to.
func (c *Console) Run(ctx context.Context, f *broadcast.Follower) error {
	defer f.Close()
	feed := &feed{}
	for ctx.Err() == nil {
		n, err := c.next(ctx, f)
		if errors.Is(err, io.EOF) {
			c.end(feed) // the last chance for what could not be written
			return nil
		}
		if err != nil {
			return err
		}
		c.print(feed, c.entries[:n], time.Now())
	}
	return ctx.Err()
}

// next waits for entries, or until there is something to say without any.
func (c *Console) next(ctx context.Context, f *broadcast.Follower) (int, error) {
	due := c.due()
	if due.IsZero() || c.out.gone {
		return f.Next(ctx, c.entries[:])
	}
	until, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	n, err := f.Next(until, c.entries[:])
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return 0, nil
	}
	return n, err
}

// print writes a batch of entries of a feed, and before them what was left out so far.
func (c *Console) print(f *feed, entries []broadcast.Entry, now time.Time) {
	if c.out.gone {
		return
	}
	c.printLost()
	c.printRepeats(now)
	for i := range entries {
		c.printEntry(f, &entries[i], now)
	}
	c.out.flush()
}

// end writes what there is to say of a feed of which nothing more comes.
func (c *Console) end(f *feed) {
	if c.out.gone {
		return
	}
	c.printLost()
	for k := range kinds {
		c.endWindow(f, k)
	}
	c.out.flush()
}

func (c *Console) printEntry(f *feed, e *broadcast.Entry, now time.Time) {
	switch {
	case e.Skipped > 0 || e.SkippedNotices > 0:
		c.printGap(f, gap{messages: e.Skipped, events: e.SkippedNotices, reason: tooSlow})
		f.unseen = nil // which of them have left is not known
	case e.Notice != nil && !c.show(f, e.Notice, now):
	case e.Notice != nil:
		c.out.buf = c.format.notice(c.out.buf, f.tag, e.Notice)
		c.out.endLine(f, gap{events: 1})
	default:
		c.out.buf = c.format.message(c.out.buf, f.tag, e)
		c.out.endLine(f, gap{messages: 1})
	}
}

// printLost says how much was left out while the output failed.
func (c *Console) printLost() {
	for _, f := range c.out.takeLost() {
		g := f.lost
		f.lost = gap{}
		c.printGap(f, g)
	}
}

func (c *Console) printGap(f *feed, g gap) {
	c.out.buf = c.format.gap(c.out.buf, f.tag, g, time.Now())
	c.out.endLine(f, g)
}
