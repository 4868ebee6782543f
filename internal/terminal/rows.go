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
)

var (
	faint   = lipgloss.NewStyle().Faint(true)
	bold    = lipgloss.NewStyle().Bold(true)
	regular = lipgloss.NewStyle()
	inverse = lipgloss.NewStyle().Reverse(true)
)

// rows returns an entry as the rows of a screen, each at most width wide.
func (e *entry) rows(width int) []string {
	indent, head := nameAt, e.at.Format(timeLayout)+" "
	if width < minWidthForTime {
		indent, head = nameAt-markAt, ""
	}
	body := e.body()
	rest := strings.Repeat(" ", indent+hanging)

	// The first row is not indented, so it is wider than the others.
	spans := wrapHanging(body.text, width-indent, width-indent-hanging)
	rows := make([]string, len(spans))
	for i, s := range spans {
		lead := rest
		if i == 0 {
			lead = faint.Render(head) + e.mark() + " "
		}
		rows[i] = lead + body.row(s)
	}
	return rows
}

// body returns what is shown after the mark.
func (e *entry) body() (b body) {
	if e.kind == notice {
		b.show(e.text, faint)
		return b
	}
	style, name := regular, lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(e.colour)).Bold(e.kind == own)
	if e.kind == unsent {
		style, name = faint, faint
	}
	if e.action {
		b.write("* ", style)
	}
	b.show(e.name, name)
	if e.claimed.text != "" {
		b.write(" writes as ", style)
		b.show(e.claimed, style) // without a colour, which would help the claim
	}
	if e.action {
		b.write(" ", style)
	} else {
		b.write(": ", style)
	}
	b.show(e.text, style)
	return b
}

func (e *entry) mark() string {
	switch e.kind {
	case mentioned, doubtful:
		return bold.Render(string(e.kind))
	case notice, unsent:
		return faint.Render(string(e.kind))
	}
	return string(e.kind)
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
