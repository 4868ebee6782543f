package terminal

import (
	"math"

	tea "charm.land/bubbletea/v2"
)

// togglePlain begins or ends the view to copy from: it has no status line, the texts
// begin in the first column, below the writer's name, and the mouse is the terminal's.
func (m *model) togglePlain(string) tea.Cmd {
	bare := !m.log.layout.bare
	m.log.setBare(bare)
	if bare {
		m.addNotice("select with the mouse to copy; /plain again brings the other view back")
	}
	return nil
}

// bareRows is rows for the view to copy from. The first row has the writer's whole name,
// and is bold, which no text can be.
func (e *entry) bareRows(l layout) []string {
	var head, text body
	head.write(e.at.Format(timeLayout)+" ", faint)
	head.write(string(e.kind)+" ", e.markStyle(l))
	if e.kind == notice {
		head.show(e.text, faint, l.links)
		return head.wrapped(l.width)
	}
	e.showName(&head, bold, l, math.MaxInt)
	text.show(e.text, e.style(l), l.links)
	return append(head.wrapped(l.width), text.wrapped(l.width)...)
}
