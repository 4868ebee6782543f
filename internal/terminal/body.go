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
func (b *body) show(s shown, style lipgloss.Style) {
	at := 0
	for _, e := range s.escapes {
		b.write(s.text[at:e.begin], style)
		b.write(s.text[e.begin:e.end], style.Reverse(true))
		at = e.end
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
