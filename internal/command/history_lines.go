package command

import (
	"bufio"
	"context"
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
	reportMissing bool // no filter leaves messages out, so a gap in the numbers of a room is reported
	mayShowRooms  bool // messages of all rooms are shown, so each line says its room if there are several
	showRooms     bool
	last          int64            // the sequence of the message before
	numbers       map[string]int64 // of the message before in each room
	line          []byte
	entry         broadcast.Entry
}

func newHistoryLines(out io.Writer, colours bool) *historyLines {
	return &historyLines{out: bufio.NewWriterSize(out, 64<<10), lines: console.NewLines(colours), colours: colours, numbers: make(map[string]int64)}
}

// look finds out whether there are several rooms.
func (l *historyLines) look(ctx context.Context, r *history.Reader) (err error) {
	if l.mayShowRooms {
		l.showRooms, err = r.HasRooms(ctx)
	}
	return err
}

// entryOf returns a message as an entry of a log.
func entryOf(m *history.Message) broadcast.Entry {
	return broadcast.Entry{From: &m.From, Time: m.Time, Message: m.Wire}
}

// message writes a message.
func (l *historyLines) message(m *history.Message) error {
	l.entry = entryOf(m)
	l.line = l.line[:0]
	if last := l.numbers[m.Room]; l.reportMissing && last > 0 && m.Number > last+1 {
		l.beginRoom(m)
		l.line = l.lines.Missing(l.line, uint64(m.Number-last-1), m.Time)
	}
	l.last, l.numbers[m.Room] = m.Sequence, m.Number
	l.beginRoom(m)
	l.line = l.lines.Message(l.line, &l.entry)
	_, err := l.out.Write(l.line)
	return err
}

// beginRoom begins a line with the room of a message, if that is shown.
func (l *historyLines) beginRoom(m *history.Message) {
	if l.showRooms {
		l.line = append(l.line, '[')
		l.line = console.Escape(l.line, []byte(m.Room))
		l.line = append(l.line, "] "...)
	}
}

// The marks around a match, with and without colours.
const (
	beginHit, endHit           = "\x1b[1;31m", "\x1b[22;39m"
	beginPlainHit, endPlainHit = "«", "»"
)

// hit writes a message with its matches marked.
func (l *historyLines) hit(h *history.Hit) error {
	l.entry = entryOf(&h.Message)
	l.line = l.line[:0]
	l.beginRoom(&h.Message)
	l.line = l.lines.Heading(l.line, &l.entry)
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
