package console

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sop-chat/internal/names"
)

// What a client shows, of which nobody knows more than a message says, is shown
// in the same way as here.

// AppendLine appends the line "name: text" for a message, as a Console without
// times and colours prints it, except that tabs and most backslashes of the text
// are as they were written. Blanks around the name should be cut off.
func AppendLine(dst, name, text []byte) []byte {
	dst = appendName(dst, name)
	dst = append(dst, ": "...)
	dst = AppendReadable(dst, text)
	return append(dst, '\n')
}

// AppendName appends a name as it begins a line: escaped, with no ": " in it,
// and without a beginning that only lines have that are no messages.
func AppendName(dst, name []byte) []byte { return appendName(dst, name) }

// AppendQuoted appends a name between quotes.
func AppendQuoted(dst, name []byte) []byte { return appendQuoted(dst, string(name)) }

// AppendClaimLine appends the line for a message under another name than its sender
// joined with.
func AppendClaimLine(dst, from, name, text []byte) []byte {
	dst = append(dst, "! "...)
	dst = AppendQuoted(dst, from)
	dst = append(dst, " writes as "...)
	dst = AppendQuoted(dst, name)
	dst = append(dst, ": "...)
	dst = AppendReadable(dst, text)
	return append(dst, '\n')
}

// A JSONWriter puts messages into the objects that a Console prints, as far as
// a client knows what belongs there: time, event, name and text. It is for one
// goroutine.
type JSONWriter struct{ format *jsonFormat }

// NewJSONWriter returns a JSONWriter.
func NewJSONWriter() JSONWriter { return JSONWriter{newJSONFormat()} }

// AppendMessage appends an object and a line break.
func (w JSONWriter) AppendMessage(dst []byte, at time.Time, name, text []byte) []byte {
	dst = w.format.begin(dst, "", at, "message")
	dst = appendField(dst, "name", name)
	dst = appendText(dst, text)
	return append(dst, "}\n"...)
}

// AppendMessageFrom appends an object with the name that the sender joined with, too.
func (w JSONWriter) AppendMessageFrom(dst []byte, at time.Time, name, from, text []byte) []byte {
	dst = w.format.begin(dst, "", at, "message")
	dst = appendField(dst, "name", name)
	dst = appendField(dst, "authenticated_name", from)
	dst = appendText(dst, text)
	return append(dst, "}\n"...)
}

// Harmless returns a text without the characters that nobody could see in it, or
// that act on a terminal, except for line breaks: what is left of something that
// was pasted. Blanks become spaces.
func Harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == zeroWidthNonJoiner || r == zeroWidthJoiner || r == textStyle || r == emojiStyle:
			return r
		case r < ' ' || r == 0x7f || r == utf8.RuneError || r > 0x7f && isUnsafe(r):
			return -1
		case unicode.Is(unicode.Zs, r):
			return ' '
		case r > 0x7f && unicode.Is(names.Invisible, r):
			return -1
		}
		return r
	}, text)
}
