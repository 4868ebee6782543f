package command

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A journalHandler writes records for systemd's journal: a line each, which begins with the
// priority as sd-daemon(3) has it, then the message and the attributes. The journal itself
// knows when it came, and from whom.
//
//	<4>connection ended connection=7 address=192.0.2.1:50114 reason="wrong key"
type journalHandler struct {
	attributes slog.Handler // writes them into the line
	line       *journalLine // shared by all handlers derived from the same one
}

// A journalLine is the line that is being written.
type journalLine struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
	out io.Writer
}

func newJournalHandler(out io.Writer, options *slog.HandlerOptions) slog.Handler {
	line := &journalLine{out: out}
	rest := *options
	rest.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && isBuiltIn(a) {
			return slog.Attr{}
		}
		return options.ReplaceAttr(groups, a)
	}
	return journalHandler{slog.NewTextHandler(&line.buf, &rest), line}
}

// isBuiltIn reports whether an attribute is one that each record has.
func isBuiltIn(a slog.Attr) bool {
	switch a.Key {
	case slog.LevelKey:
		_, is := a.Value.Any().(slog.Level)
		return is
	case slog.MessageKey:
		return true
	}
	return false
}

func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attributes.Enabled(ctx, level)
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.attributes.WithAttrs(attrs), h.line}
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.attributes.WithGroup(name), h.line}
}

func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	l := h.line
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
	l.buf.WriteString("<" + strconv.Itoa(priority(r.Level)) + ">" + oneLine(r.Message) + " ")
	r.Time = time.Time{}
	if err := h.attributes.Handle(ctx, r); err != nil {
		return err
	}
	text := bytes.TrimRight(l.buf.Bytes(), " \n")
	_, err := l.out.Write(append(text, '\n'))
	return err
}

// priority returns the priority of a level in syslog(3).
func priority(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= slog.LevelInfo:
		return 6
	}
	return 7
}

// oneLine returns a text with escapes in the places of what is not shown, such as the end
// of a line.
func oneLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
