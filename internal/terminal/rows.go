package terminal

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// The columns of a row:
//
//	16:02 › alice: a text that reaches
//	          the next row
//	│     │ └ name and text
//	│     └── mark
//	└──────── time, if the screen is wide enough
//
// The rows after the first begin further right than the name, so that no text can
// look like another entry.
const (
	timeLayout      = "15:04"
	markAt          = len(timeLayout) + 1
	nameAt          = markAt + 2
	hanging         = 2 // by how much the other rows are indented
	minWidthForTime = 30
	minName         = 8 // columns; a longer name has a third of the screen at most
)

var (
	faint   = lipgloss.NewStyle().Faint(true)
	bold    = lipgloss.NewStyle().Bold(true)
	regular = lipgloss.NewStyle()
	inverse = lipgloss.NewStyle().Reverse(true)
)

// A layout says how entries are laid out.
type layout struct {
	width int
	bare  bool // to be copied from, see togglePlain
	links bool // the terminal knows links
}

// rows returns an entry as the rows of a screen, each at most as wide as it.
func (e *entry) rows(l layout) []string {
	if l.bare {
		return e.bareRows(l)
	}
	indent, head := nameAt, e.at.Format(timeLayout)+" "
	if l.width < minWidthForTime {
		indent, head = nameAt-markAt, ""
	}
	body := e.body(l)
	rest := strings.Repeat(" ", indent+hanging)

	// The first row is not indented, so it is wider than the others.
	spans := wrapHanging(body.text, l.width-indent, l.width-indent-hanging)
	rows := make([]string, len(spans))
	for i, s := range spans {
		lead := rest
		if i == 0 {
			lead = faint.Render(head) + e.markStyle().Render(string(e.kind)) + " "
		}
		rows[i] = lead + body.row(s)
	}
	return rows
}

// body returns what is shown after the mark.
func (e *entry) body(l layout) (b body) {
	if e.kind == notice {
		b.show(e.text, faint, l.links)
		return b
	}
	style := e.style()
	e.showName(&b, style, max(minName, l.width/3))
	if e.action {
		b.write(" ", style)
	} else {
		b.write(": ", style)
	}
	b.show(e.text, style, l.links)
	return b
}

// showName adds the name, and what else stands before the text.
func (e *entry) showName(b *body, style lipgloss.Style, width int) {
	name := style
	if e.kind != unsent {
		name = e.nameStyle(style)
	}
	if e.action {
		b.write("* ", style)
	}
	if e.claimed.text == "" {
		b.show(e.name.cut(width, ""), name, false)
		return
	}
	b.show(e.name.cut(width, `"`), name, false)
	b.write(" writes as ", style)
	b.show(e.claimed.cut(width, `"`), style, false) // without a colour, which would help the claim
}

// style returns the style of the text.
func (e *entry) style() lipgloss.Style {
	if e.kind == unsent {
		return faint
	}
	return regular
}

func (e *entry) markStyle() lipgloss.Style {
	switch e.kind {
	case mentioned, doubtful:
		return bold
	case notice, unsent:
		return faint
	}
	return regular
}

// wrapHanging is wrap with another width for the first row.
func wrapHanging(text string, first, rest int) []span {
	rows := wrap(text, first)
	if len(rows) == 1 {
		return rows
	}
	from := rows[1].begin
	rows = rows[:1]
	for _, s := range wrap(text[from:], rest) {
		rows = append(rows, span{from + s.begin, from + s.end})
	}
	return rows
}
