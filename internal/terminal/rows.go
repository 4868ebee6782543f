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
	inverse = lipgloss.NewStyle().Reverse(true)
)

// rows returns an entry as the rows of a screen, each at most width wide.
func (e *entry) rows(width int) []string {
	indent, head := nameAt, e.at.Format(timeLayout)+" "
	if width < minWidthForTime {
		indent, head = nameAt-markAt, ""
	}
	body, nameBegin, nameEnd := e.body()
	rest := strings.Repeat(" ", indent+hanging)

	// The first row is not indented, so it is wider than the others.
	spans := wrapHanging(body, width-indent, width-indent-hanging)
	rows := make([]string, len(spans))
	for i, s := range spans {
		lead := rest
		if i == 0 {
			lead = faint.Render(head) + e.mark() + " "
		}
		rows[i] = lead + e.styled(body, s, nameBegin, nameEnd)
	}
	return rows
}

// body returns the text after the mark, and where in it the name begins and ends.
func (e *entry) body() (body string, nameBegin, nameEnd int) {
	switch {
	case e.kind == notice:
		return e.text, 0, 0
	case e.action:
		const star = "* "
		return star + e.name + " " + e.text, len(star), len(star) + len(e.name)
	}
	return e.name + ": " + e.text, 0, len(e.name)
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

// styled returns a row of the body, with the name in it in its colour.
func (e *entry) styled(body string, s span, nameBegin, nameEnd int) string {
	if e.kind == notice || e.kind == unsent {
		return faint.Render(body[s.begin:s.end])
	}
	begin := min(max(nameBegin, s.begin), s.end)
	end := min(max(nameEnd, s.begin), s.end)
	if begin >= end {
		return body[s.begin:s.end]
	}
	name := lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(e.colour)).Bold(e.kind == own)
	return body[s.begin:begin] + name.Render(body[begin:end]) + body[end:s.end]
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
