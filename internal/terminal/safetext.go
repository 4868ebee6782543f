package terminal

import (
	"strings"

	"sop-chat/internal/console"
)

// tabStop is how far the stops are apart to which tabs reach.
const tabStop = 4

// A safeText is a text as it is on the screen. Line breaks are the only control
// characters in it. What was written as it is, is told from escapes, which stand for
// what can't be shown, by where the escapes are.
type safeText struct {
	text    string
	escapes []span // in order
	links   []link // in order; no escape is in one
}

// cut returns the beginning of a text without links that fits into a width, with an
// ellipsis, and an end that it keeps. The ellipsis counts as an escape.
func (s safeText) cut(width int, end string) safeText {
	if columns(s.text) <= width {
		return s
	}
	n := fitting(s.text, width-1-len(end))
	var escapes []span
	for _, e := range s.escapes {
		if e.end <= n {
			escapes = append(escapes, e)
		} else if e.begin < n {
			n = e.begin
		}
	}
	escapes = append(escapes, span{n, n + len(ellipsis)})
	return safeText{text: s.text[:n] + ellipsis + end, escapes: escapes}
}

// safeName returns a name as it begins a row.
func safeName(name string) safeText {
	var b safeBuilder
	b.add(console.AppendName(nil, []byte(name)))
	return b.safeText()
}

// safeQuoted returns a name between quotes.
func safeQuoted(name string) safeText {
	var b safeBuilder
	b.add(console.AppendQuoted(nil, []byte(name)))
	return b.safeText()
}

// safe returns a text of any number of lines.
func safe(text string) safeText {
	var b safeBuilder
	for line := range strings.Lines(strings.TrimSuffix(text, "\n")) {
		content, broken := strings.CutSuffix(line, "\n")
		if broken {
			content = strings.TrimSuffix(content, "\r")
		}
		b.addLine(content)
		if broken {
			b.text = append(b.text, '\n')
		}
	}
	return b.withLinks()
}

// safeLine returns a text in one line, with its line breaks as \n.
func safeLine(text string) safeText {
	var b safeBuilder
	b.addLine(text)
	return b.withLinks()
}

// A safeBuilder builds a safeText.
type safeBuilder struct {
	text    []byte
	escapes []span
}

func (b *safeBuilder) safeText() safeText { return safeText{text: string(b.text), escapes: b.escapes} }

func (b *safeBuilder) withLinks() safeText {
	s := b.safeText()
	s.links = findLinks(s.text, s.escapes)
	return s
}

// add adds what package console has escaped.
func (b *safeBuilder) add(escaped []byte) {
	for part, isEscape := range console.Parts(escaped) {
		b.addPart(part, isEscape)
	}
}

func (b *safeBuilder) addPart(part []byte, isEscape bool) {
	begin := len(b.text)
	b.text = append(b.text, part...)
	if isEscape {
		b.escapes = append(b.escapes, span{begin, len(b.text)})
	}
}

// addLine adds a line of a text, with blanks in place of tabs.
func (b *safeBuilder) addLine(line string) {
	taken, counted := 0, len(b.text) // columns, up to a place
	for part, isEscape := range console.Parts(console.Escape(nil, []byte(line))) {
		if !isEscape || string(part) != `\t` {
			b.addPart(part, isEscape)
			continue
		}
		taken += columns(string(b.text[counted:]))
		blanks := tabStop - taken%tabStop
		b.text = append(b.text, strings.Repeat(" ", blanks)...)
		taken, counted = taken+blanks, len(b.text)
	}
}

// readable returns a text in one line where escapes can't have a style.
func readable(text string) string {
	shown := console.AppendReadable(nil, []byte(text))
	return strings.ReplaceAll(string(shown), "\t", " ")
}
