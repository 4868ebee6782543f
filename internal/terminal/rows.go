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

	// A row with the user's name. It sets both colours, so that it can be read on any
	// background; on the first all colours of names can be read, too.
	highlight      = lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(16)).Background(lipgloss.ANSIColor(229))
	highlightBasic = lipgloss.NewStyle().Foreground(lipgloss.Black).Background(lipgloss.Yellow)
)

// A layout says how entries are laid out.
type layout struct {
	width int
	bare  bool // to be copied from, see togglePlain
	links bool // the terminal knows links
	basic bool // it has 16 colours
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
			lead = faint.Render(head) + e.markStyle(l).Render(string(e.kind)+" ")
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
	style := e.style(l)
	e.showName(&b, style, l, max(minName, l.width/3))
	if e.action {
		b.write(" ", style)
	} else {
		b.write(": ", style)
	}
	b.show(e.text, style, l.links)
	return b
}

// showName adds the name, and what else stands before the text.
func (e *entry) showName(b *body, style lipgloss.Style, l layout, width int) {
	name := e.nameStyle(style, l)
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
func (e *entry) style(l layout) lipgloss.Style {
	switch {
	case e.kind == unsent:
		return faint
	case e.kind == mentioned && l.basic:
		return highlightBasic
	case e.kind == mentioned:
		return highlight
	}
	return regular
}

func (e *entry) markStyle(l layout) lipgloss.Style {
	switch e.kind {
	case mentioned:
		return e.style(l).Bold(!l.basic) // bold black is grey in many terminals
	case doubtful:
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
