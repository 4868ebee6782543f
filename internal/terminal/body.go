package terminal

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// A body is what an entry shows behind its mark: a text of which each piece has a
// style.
type body struct {
	text   string
	pieces []piece // in order; together they are the text
}

// A piece is a part of a body in one style.
type piece struct {
	span
	style lipgloss.Style
}

// write adds a text of this program.
func (b *body) write(text string, style lipgloss.Style) {
	begin := len(b.text)
	if text != "" {
		b.text += text
		b.pieces = append(b.pieces, piece{span{begin, len(b.text)}, style})
	}
}

// show adds a text of a client. Escapes are reversed, so that nothing that was
// written looks like one.
func (b *body) show(s safeText, style lipgloss.Style, withLinks bool) {
	at := 0
	escapes, links := s.escapes, s.links
	if !withLinks {
		links = nil
	}
	for len(escapes) > 0 || len(links) > 0 {
		var next span
		special := style
		if len(links) == 0 || len(escapes) > 0 && escapes[0].begin < links[0].begin {
			next, special = escapes[0], style.Reverse(true)
			escapes = escapes[1:]
		} else {
			next, special = links[0].span, style.Underline(true).Hyperlink(links[0].target, links[0].id())
			links = links[1:]
		}
		b.write(s.text[at:next.begin], style)
		b.write(s.text[next.begin:next.end], special)
		at = next.end
	}
	b.write(s.text[at:], style)
}

// row returns a part of the text with its styles.
func (b *body) row(s span) string {
	var row strings.Builder
	for _, p := range b.pieces {
		if begin, end := max(p.begin, s.begin), min(p.end, s.end); begin < end {
			row.WriteString(p.style.Render(b.text[begin:end]))
		}
	}
	return row.String()
}

// wrapped returns the text in rows.
func (b *body) wrapped(width int) (rows []string) {
	for _, s := range wrap(b.text, width) {
		rows = append(rows, b.row(s))
	}
	return rows
}
