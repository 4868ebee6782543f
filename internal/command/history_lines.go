package command

import (
	"bufio"
	"io"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/console"
	"sop-chat/internal/history"
)

// historyLines writes messages as lines for people, a large piece at a time.
type historyLines struct {
	out           *bufio.Writer
	lines         *console.Lines
	colours       bool
	reportMissing bool  // no filter leaves messages out, so a gap in the sequences is reported
	last          int64 // the number of the message before
	line          []byte
	entry         broadcast.Entry
}

func newHistoryLines(out io.Writer, colours bool) *historyLines {
	return &historyLines{out: bufio.NewWriterSize(out, 64<<10), lines: console.NewLines(colours), colours: colours}
}

// entryOf returns a message as an entry of a log.
func entryOf(m *history.Message) broadcast.Entry {
	return broadcast.Entry{From: &m.From, Time: m.Time, Message: m.Wire}
}

// message writes a message.
func (l *historyLines) message(m *history.Message) error {
	l.entry = entryOf(m)
	l.line = l.line[:0]
	if l.reportMissing && l.last > 0 && m.Sequence > l.last+1 {
		l.line = l.lines.Missing(l.line, uint64(m.Sequence-l.last-1), m.Time)
	}
	l.last = m.Sequence
	l.line = l.lines.Message(l.line, &l.entry)
	_, err := l.out.Write(l.line)
	return err
}

// The marks around a match, with and without colours.
const (
	beginHit, endHit           = "\x1b[1;31m", "\x1b[22;39m"
	beginPlainHit, endPlainHit = "«", "»"
)

// hit writes a message with its matches marked.
func (l *historyLines) hit(h *history.Hit) error {
	l.entry = entryOf(&h.Message)
	l.line = l.lines.Heading(l.line[:0], &l.entry)
	begin, end := beginPlainHit, endPlainHit
	if l.colours {
		begin, end = beginHit, endHit
	}
	for i, part := range h.Parts {
		if i%2 == 1 {
			l.line = append(l.line, begin...)
		}
		l.line = console.Escape(l.line, []byte(part))
		if i%2 == 1 {
			l.line = append(l.line, end...)
		}
	}
	_, err := l.out.Write(append(l.line, '\n'))
	return err
}
