package terminal

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// resize divides the screen:
//
//	│ messages    the rest
//	│ status      one row, unless there is no other
//	└ > input     as many rows as it needs, a third at most
//
// The view to copy from has no status.
func (m *model) resize(width, height int) {
	m.width, m.height = width, height
	m.help.resize(width, height)
	m.input.resize(width, height/3)
	m.log.resize(width, max(0, height-m.statusRows()-m.input.draft.height()))
}

func (m *model) statusRows() int {
	if m.log.layout.bare || m.height < 2 {
		return 0
	}
	return 1
}

// View draws the model.
func (m *model) View() tea.View {
	rows := m.log.view()
	var screen strings.Builder
	screen.WriteString(strings.Repeat("\n", max(0, m.log.height-len(rows))))
	for _, row := range rows {
		screen.WriteString(row)
		screen.WriteByte('\n')
	}
	if m.statusRows() > 0 {
		screen.WriteString(m.statusLine())
		screen.WriteByte('\n')
	}
	screen.WriteString(m.input.draft.view())

	v := tea.NewView(screen.String())
	v.AltScreen = true
	v.ReportFocus = true
	v.WindowTitle = m.title()
	if !m.mouseOff && !m.log.layout.bare {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.help.open {
		v.Content = m.help.view()
		return v
	}
	at := m.input.draft.cursorPosition()
	v.Cursor = tea.NewCursor(at.X, m.log.height+m.statusRows()+at.Y)
	v.Cursor.Blink = false
	return v
}

// statusLine shows the state of the connection on the left, and notes on the
// right.
func (m *model) statusLine() string {
	var notes []string
	if n := m.log.newBelow(); n > 0 {
		notes = append(notes, fmt.Sprintf("%d new below", n))
	} else if m.log.scrolled {
		notes = append(notes, "scrolled back")
	}
	if n := len(m.log.unsent); n > 0 && !m.sends() {
		notes = append(notes, fmt.Sprintf("%d not sent", n))
	}
	if budget := m.input.budget(); budget != "" {
		notes = append(notes, budget)
	}
	right := cut(strings.Join(notes, ", "), m.width-1)
	left := cut(" "+readable(m.status()), max(0, m.width-columns(right)-2))
	gap := max(0, m.width-columns(left)-columns(right)-1)
	return inverse.Render(left + strings.Repeat(" ", gap) + right + " ")
}

func (m *model) title() string {
	title := fmt.Sprintf("%s %s", m.name, m.place())
	if m.mentions > 0 {
		title = fmt.Sprintf("(%d) %s", m.mentions, title)
	}
	return readable(title)
}
