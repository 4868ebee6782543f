package console

import (
	"bytes"
	"fmt"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

// A textFormat prints lines for people. How a line begins says whose it is,
// and no client can make one of its own begin otherwise:
//
//	name: text                     a message; the first ": " ends the name
//	! "name" writes as "x": text   a message under a name that is not its own
//	* anything                     something that happened; never a message
//
// With named rooms, "[room] " comes before each, and the first "]" ends the name.
//
// The second line begins with the name that the client authenticated with. On
// a terminal a long text may reach the next row; there the colours, which a
// text can't have, tell where a line begins.
type textFormat struct {
	times, colours bool
	hideKeys       bool
	clock          clock
}

func newTextFormat(times, colours bool) *textFormat {
	return &textFormat{times: times, colours: colours, clock: clock{
		layout: time.TimeOnly,
		zone:   time.Local,
		unit:   time.Second,
	}}
}

// tag returns what the lines of a room begin with, behind the time.
func (t *textFormat) tag(room string) string {
	tag := t.colour(nil, room)
	tag = append(tag, '[')
	for name := []byte(room); ; {
		before, after, found := bytes.Cut(name, []byte("]"))
		tag = escape(tag, before, special|named)
		if !found {
			break
		}
		tag = escapeByte(tag, ']')
		name = after
	}
	tag = append(tag, ']')
	return string(append(t.plain(tag), ' '))
}

func (t *textFormat) message(dst []byte, tag string, e *broadcast.Entry) []byte {
	dst = t.heading(dst, tag, e)
	dst = Escape(dst, e.Message.Text())
	return append(dst, '\n')
}

// heading appends what a message's line begins with, up to its text.
func (t *textFormat) heading(dst []byte, tag string, e *broadcast.Entry) []byte {
	dst = t.begin(dst, tag, e.Time)
	name, own := e.Message.TrimmedName(), e.From.Name
	if string(name) == own {
		dst = t.colour(dst, own)
		dst = appendName(dst, name)
		dst = t.plain(dst)
	} else {
		dst = append(dst, "! "...)
		dst = t.colour(dst, own) // the claimed name gets none: it would help the claim
		dst = appendQuoted(dst, own)
		dst = t.plain(dst)
		dst = append(dst, ` writes as "`...)
		dst = escapeQuoted(dst, name)
		dst = append(dst, '"')
	}
	return append(dst, ": "...)
}

// appendName appends a name that begins a line, in which it escapes what would
// make the line another: a beginning like ours, and an end before its end.
func appendName(dst, name []byte) []byte {
	const end = ": "
	isOurs := bytes.HasPrefix(name, []byte("!")) || bytes.HasPrefix(name, []byte("* "))
	if !isOurs && !bytes.Contains(name, []byte(end)) {
		return EscapeName(dst, name)
	}
	if isOurs {
		dst = escapeByte(dst, name[0])
		name = name[1:]
	}
	for {
		colon := bytes.Index(name, []byte(end))
		if colon < 0 {
			return escape(dst, name, special|named)
		}
		dst = escape(dst, name[:colon], special|named)
		dst = escapeByte(dst, ':')
		name = name[colon+1:]
	}
}

func (t *textFormat) notice(dst []byte, tag string, n *broadcast.Notice) []byte {
	dst = t.beginOurs(dst, tag, n.Time)
	if n.From != nil {
		dst = appendQuoted(dst, n.From.Name)
	}
	switch n.Kind {
	case broadcast.Accepted:
		dst = t.key(dst, n)
		dst = append(dst, ": accepted"...)
	case broadcast.Refused:
		dst = t.key(dst, n)
		dst = append(dst, ": refused"...)
		dst = appendReason(dst, ", ", n.Reason)
	case broadcast.Joined:
		dst = append(dst, " joined"...)
	case broadcast.Left:
		dst = append(dst, " left"...)
		dst = appendReason(dst, ": ", n.Reason)
	case broadcast.Waiting:
		dst = append(dst, "what is said waits"...)
		dst = appendReason(dst, ": ", n.Reason)
	case broadcast.Resumed:
		dst = append(dst, "what is said is delivered again"...)
	default:
		panic(fmt.Sprintf("console: no words for a notice of kind %d", n.Kind))
	}
	return t.endOurs(dst)
}

// key appends which key was given, and from where if that is known.
func (t *textFormat) key(dst []byte, n *broadcast.Notice) []byte {
	if n.From.Addr.IsValid() {
		var addr [64]byte
		dst = append(dst, " from "...)
		dst = Escape(dst, n.From.Addr.AppendTo(addr[:0]))
	}
	if n.Label != "" {
		return appendQuoted(append(dst, " gave the key of "...), n.Label)
	}
	if t.hideKeys {
		return append(dst, " gave a key (hidden)"...)
	}
	dst = append(dst, " gave the key "...)
	return appendQuoted(dst, n.Key)
}

func appendReason(dst []byte, before, reason string) []byte {
	if reason == "" {
		return dst
	}
	dst = append(dst, before...)
	return Escape(dst, []byte(reason))
}

func (t *textFormat) gap(dst []byte, tag string, g gap, now time.Time) []byte {
	dst = t.beginOurs(dst, tag, now)
	switch {
	case g.events == 0:
		dst = append(dst, english.Count(g.messages, "message")...)
	case g.messages == 0:
		dst = append(dst, english.Count(g.events, "event")...)
	default:
		dst = append(dst, english.Count(g.messages, "message")...)
		dst = append(dst, " and "...)
		dst = append(dst, english.Count(g.events, "event")...)
	}
	dst = append(dst, ' ')
	dst = append(dst, english.Were(g.messages+g.events)...)
	dst = append(dst, " left out here: "...)
	dst = append(dst, g.reason...)
	return t.endOurs(dst)
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = escapeQuoted(dst, []byte(s))
	return append(dst, '"')
}

func (t *textFormat) begin(dst []byte, tag string, at time.Time) []byte {
	if t.times {
		dst = t.clock.append(dst, at)
		dst = append(dst, ' ')
	}
	return append(dst, tag...)
}

// beginOurs begins a line that is not a message.
func (t *textFormat) beginOurs(dst []byte, tag string, at time.Time) []byte {
	dst = t.begin(dst, tag, at)
	if t.colours {
		dst = append(dst, dim...)
	}
	return append(dst, "* "...)
}

func (t *textFormat) endOurs(dst []byte) []byte {
	if t.colours {
		dst = append(dst, noDim...)
	}
	return append(dst, '\n')
}

func (t *textFormat) colour(dst []byte, name string) []byte {
	if !t.colours {
		return dst
	}
	return append(dst, colourOf(name)...)
}

func (t *textFormat) plain(dst []byte) []byte {
	if !t.colours {
		return dst
	}
	return append(dst, noColour...)
}
