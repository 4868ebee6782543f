package console

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"sop-chat/internal/broadcast"
)

// A jsonFormat prints one object a line. Its keys, in this order:
//
//	time                 when the server took it, UTC, RFC 3339 with nanoseconds
//	event                message, accepted, refused, joined, left, waiting, resumed, repeated or
//	                     skipped
//	room                 the name of the room, if rooms are named
//	name                 of a message: as it was sent, blanks and all
//	authenticated_name   blanks trimmed; not with refused
//	text                 of a message
//	address              where the client connects from, if that is known; with
//	                     repeated without its port
//	key                  the key given, with accepted and refused; null if keys
//	                     are hidden, and if there is a label
//	label                whose key it was, with accepted, if it is one of a person
//	reason               with refused, left, waiting, repeated and skipped
//	count                of messages left out, with skipped; of events, with repeated
//	seconds              in which they were, with repeated
//	count_events         of other events left out, with skipped
//
// A value that is not valid UTF-8 is followed by its exact bytes under the
// same key with _base64. The characters that Escape, or EscapeName for all but
// the text, does not let through are here \u escapes, so that the lines may be
// shown on a terminal as they are.
type jsonFormat struct {
	hideKeys bool
	clock    clock
}

func newJSONFormat() *jsonFormat {
	return &jsonFormat{clock: clock{
		layout: "2006-01-02T15:04:05.000000000Z07:00", // all digits: lines can be sorted
		zone:   time.UTC,
		unit:   time.Nanosecond,
	}}
}

// tag returns what tells the room, behind the event.
func (j *jsonFormat) tag(room string) string { return string(appendField(nil, "room", []byte(room))) }

func (j *jsonFormat) message(dst []byte, tag string, e *broadcast.Entry) []byte {
	dst = j.begin(dst, tag, e.Time, "message")
	dst = appendField(dst, "name", e.Message.Name())
	dst = appendField(dst, "authenticated_name", []byte(e.From.Name))
	dst = appendText(dst, e.Message.Text())
	dst = appendAddress(dst, e.From)
	return append(dst, "}\n"...)
}

func (j *jsonFormat) notice(dst []byte, tag string, n *broadcast.Notice) []byte {
	var event string
	switch n.Kind {
	case broadcast.Accepted:
		event = "accepted"
	case broadcast.Refused:
		event = "refused"
	case broadcast.Joined:
		event = "joined"
	case broadcast.Left:
		event = "left"
	case broadcast.Waiting:
		event = "waiting"
	case broadcast.Resumed:
		event = "resumed"
	default:
		panic(fmt.Sprintf("console: no event for a notice of kind %d", n.Kind))
	}
	dst = j.begin(dst, tag, n.Time, event)
	if n.From != nil {
		dst = appendField(dst, "name", []byte(n.From.Name))
		if n.Kind != broadcast.Refused {
			dst = appendField(dst, "authenticated_name", []byte(n.From.Name))
		}
		dst = appendAddress(dst, n.From)
	}
	if n.Kind == broadcast.Accepted || n.Kind == broadcast.Refused {
		dst = j.key(dst, n)
	}
	if n.Reason != "" {
		dst = appendField(dst, "reason", []byte(n.Reason))
	}
	return append(dst, "}\n"...)
}

func (j *jsonFormat) key(dst []byte, n *broadcast.Notice) []byte {
	if n.Label != "" {
		return appendField(append(dst, `,"key":null`...), "label", []byte(n.Label))
	}
	if j.hideKeys {
		return append(dst, `,"key":null`...)
	}
	return appendField(dst, "key", []byte(n.Key))
}

func (j *jsonFormat) gap(dst []byte, tag string, g gap, now time.Time) []byte {
	dst = j.begin(dst, tag, now, "skipped")
	dst = appendField(dst, "reason", []byte(g.reason))
	dst = append(dst, `,"count":`...)
	dst = strconv.AppendUint(dst, g.messages, 10)
	dst = append(dst, `,"count_events":`...)
	dst = strconv.AppendUint(dst, g.events, 10)
	return append(dst, "}\n"...)
}

func (j *jsonFormat) begin(dst []byte, tag string, at time.Time, event string) []byte {
	dst = append(dst, `{"time":"`...)
	dst = j.clock.append(dst, at)
	dst = append(dst, `","event":"`...)
	dst = append(dst, event...)
	dst = append(dst, '"')
	return append(dst, tag...)
}

func appendAddress(dst []byte, from *broadcast.Sender) []byte {
	if !from.Addr.IsValid() {
		return dst
	}
	var addr [64]byte
	return appendField(dst, "address", from.Addr.AppendTo(addr[:0]))
}

// appendField appends a comma, key and value, and the value's bytes if they
// are not all in the string.
func appendField(dst []byte, key string, value []byte) []byte {
	return appendFieldAs(dst, key, value, named)
}

// appendText is appendField for the text of a message.
func appendText(dst, text []byte) []byte { return appendFieldAs(dst, "text", text, 0) }

func appendFieldAs(dst []byte, key string, value []byte, what class) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, key...)
	dst = append(dst, `":`...)
	dst, exact := appendString(dst, value, what)
	if exact {
		return dst
	}
	dst = append(dst, `,"`...)
	dst = append(dst, key...)
	dst = append(dst, `_base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, value)
	return append(dst, '"')
}

// appendString appends value as a JSON string and reports whether that says it
// all: bytes that are not UTF-8 become replacement characters.
func appendString(dst, value []byte, what class) (_ []byte, exact bool) {
	exact = true
	dst = append(dst, '"')
	var w word
	for at := 0; ; {
		n, r, size := plain(value, at, what|special|quote, &w)
		dst = append(dst, value[at:at+n]...)
		if size == 0 {
			return append(dst, '"'), exact
		}
		if r == utf8.RuneError {
			exact = false
		}
		dst = appendJSONRune(dst, r)
		at += n + size
	}
}

func appendJSONRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

// appendUnit appends the escape for one unit of UTF-16.
func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u',
		hexDigits[u>>12&0xf], hexDigits[u>>8&0xf], hexDigits[u>>4&0xf], hexDigits[u&0xf])
}
