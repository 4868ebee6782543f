package terminal

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// press handles a key.
func (m *model) press(key tea.KeyPressMsg) tea.Cmd {
	if m.help.open {
		m.help.press(key.String())
		return nil
	}
	empty := m.input.text() == ""
	page := max(1, m.log.height-1)
	switch key.String() {
	case "enter":
		return m.enter()
	case "ctrl+c":
		return m.leaveOr(empty, func() {
			m.input.history.add(m.input.text())
			m.input.set("")
			m.refused = false
		})
	case "ctrl+d":
		return m.leaveOr(empty, func() { m.input.edit(key) })
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+l":
		return tea.ClearScreen
	case "f1":
		return m.showHelp("")
	case "tab":
		if text, ok := m.input.completion.complete(m.input.text(), m.log.speakers); ok {
			m.input.set(text)
		}
	case "esc", "ctrl+end":
		m.log.toBottom()
	case "ctrl+home":
		m.log.toTop()
	case "pgup":
		m.log.scroll(-page)
	case "pgdown":
		m.log.scroll(page)
	case "ctrl+up", "shift+up":
		m.log.scroll(-1)
	case "ctrl+down", "shift+down":
		m.log.scroll(1)
	case "ctrl+p":
		m.input.recall(-1)
	case "ctrl+n":
		m.input.recall(1)
	default:
		return m.edit(key, empty)
	}
	return nil
}

// edit handles a key for the input. Home, End, Up and Down scroll or recall where
// they can't move the cursor.
func (m *model) edit(key tea.KeyPressMsg, empty bool) tea.Cmd {
	if m.refused && key.Text != "" {
		return nil
	}
	switch key.String() {
	case "home":
		if empty {
			m.log.toTop()
			return nil
		}
	case "end":
		if empty {
			m.log.toBottom()
			return nil
		}
	case "up":
		if m.input.draft.atEdge(-1) && m.input.recall(-1) {
			return nil
		}
	case "down":
		if m.input.draft.atEdge(1) && m.input.recall(1) {
			return nil
		}
	}
	m.input.edit(key)
	return nil
}

// leaveOr leaves if the input is empty, and calls other otherwise.
func (m *model) leaveOr(empty bool, other func()) tea.Cmd {
	if empty {
		return m.quit("")
	}
	other()
	return nil
}

// enter sends the input, or runs it if it is a command.
func (m *model) enter() tea.Cmd {
	text := strings.TrimRight(m.input.text(), "\n")
	if strings.TrimSpace(text) == "" {
		m.input.set("")
		m.log.toBottom()
		return nil
	}
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
		return m.command(text)
	}
	m.input.history.add(text)
	m.input.set("")
	m.say(strings.TrimPrefix(text, "/"))
	return nil
}
