package console

import (
	"fmt"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

// Lines formats messages as the lines that a Console prints, for messages that do
// not come from a running room. Each method appends to dst.
type Lines struct{ format *textFormat }

// NewLines returns Lines that begin with the date and the time, the local one.
func NewLines(colours bool) *Lines {
	t := newTextFormat(true, colours)
	t.clock.layout = time.DateTime
	return &Lines{t}
}

// Message appends the line of a message.
func (l *Lines) Message(dst []byte, e *broadcast.Entry) []byte { return l.format.message(dst, "", e) }

// Heading appends what the line of a message begins with, up to the text, which
// is to be appended with Escape.
func (l *Lines) Heading(dst []byte, e *broadcast.Entry) []byte { return l.format.heading(dst, "", e) }

// Missing appends a line that says that messages are missing, at the time of
// the one that comes next.
func (l *Lines) Missing(dst []byte, messages uint64, at time.Time) []byte {
	dst = l.format.beginOurs(dst, "", at)
	dst = fmt.Appendf(dst, "%s %s missing here: the history could not be written",
		english.Count(messages, "message"), english.Are(messages))
	return l.format.endOurs(dst)
}

// AppendJSON appends a comma, and key and value as they stand in an object of
// JSON. If the value is not valid UTF-8, its exact bytes follow in base64, under
// the key with _base64. What EscapeName does not let through is escaped.
func AppendJSON(dst []byte, key string, value []byte) []byte { return appendField(dst, key, value) }

// AppendJSONText is AppendJSON for the text of a message, which is escaped as
// Escape does.
func AppendJSONText(dst, text []byte) []byte { return appendText(dst, text) }
