package console

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"syscall"
)

// A gap is what was left out at one place, and why.
type gap struct {
	counts
	reason string
}

// counts are how many lines there are, or are missing.
type counts struct{ messages, events uint64 }

// The reasons for a gap.
const (
	tooSlow = "the console could not keep up"
	failed  = "writing to the output failed"
)

func (n counts) any() bool { return n.messages > 0 || n.events > 0 }

// An output collects lines and writes them in one step. It remembers what
// could not be written, so that nothing goes missing unsaid.
//
//	buf    │ rest of a line that was cut │ line │ line │ line │
//	lines                         end ──▶│  ──▶ │  ──▶ │  ──▶ │
//
// A line of which a part was written is finished before anything else is: the
// reader never gets half a line, whatever happened in between.
type output struct {
	w      io.Writer
	logger *slog.Logger
	buf    []byte
	lines  []line
	cut    bool    // the first line is the rest of one
	lost   []*feed // of which something was left out and that was not said yet
	fails  bool    // since when the logger knows
	gone   bool    // nobody will ever read the output again
}

// A line is a place in the buffer, and what is lost if it is not written.
type line struct {
	end    int
	feed   *feed
	counts counts
}

// endLine says that the buffer ends with a line of a feed, which counts for so much.
func (o *output) endLine(f *feed, n counts) {
	o.lines = append(o.lines, line{len(o.buf), f, n})
}

// takeLost returns the feeds of which something was left out, for the caller to print
// how much.
func (o *output) takeLost() []*feed {
	feeds := o.lost
	o.lost = nil
	return feeds
}

// lose notes that a line of a feed was left out.
func (o *output) lose(f *feed, n counts) {
	if !n.any() {
		return
	}
	if !f.lost.any() {
		o.lost = append(o.lost, f)
	}
	f.lost.messages += n.messages
	f.lost.events += n.events
}

// flush writes the buffer and empties it, save for the rest of a line.
func (o *output) flush() {
	if len(o.buf) == 0 {
		return
	}
	n, err := o.w.Write(o.buf)
	if err == nil && n < len(o.buf) {
		err = io.ErrShortWrite
	}
	o.settle(n)
	switch {
	case err == nil && o.fails:
		o.fails = false
		o.logger.Info("the console can write again")
	case err == nil:
	case isGone(err):
		o.gone = true
		o.buf, o.lines = nil, nil
		o.logger.Warn("the console's output is closed; nothing more is printed", "err", err)
	case !o.fails:
		o.fails = true
		o.logger.Warn("the console cannot write; messages are left out until it can", "err", err)
	}
}

// settle empties the buffer after its first n bytes were written. It keeps the
// rest of a line that was cut, and counts the others as lost.
func (o *output) settle(n int) {
	start, rest := 0, 0
	for i, l := range o.lines {
		begun := start < n || i == 0 && o.cut
		switch {
		case l.end <= n:
		case begun:
			rest = copy(o.buf, o.buf[n:l.end])
		default:
			o.lose(l.feed, l.counts)
		}
		start = l.end
	}
	o.buf, o.lines = o.buf[:rest], o.lines[:0]
	if o.cut = rest > 0; o.cut {
		o.endLine(nil, counts{})
	}
}

// isGone reports whether err means that no later Write can succeed.
func isGone(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EBADF) ||
		errors.Is(err, fs.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
