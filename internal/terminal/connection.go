package terminal

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
)

// connection handles an event of the connection.
func (m *model) connection(e event) {
	switch e := e.(type) {
	case joined:
		if e.gap == mayMiss {
			m.record.expectReplay(m.unsentTexts)
		}
		if !m.state.until.IsZero() {
			m.addNotice("back in the room" + e.gap.words())
		} else {
			m.addNotice(fmt.Sprintf("joined %s as %s; /help shows what you can do", m.room, m.name))
		}
		m.state, m.lastFailure = state{online: true}, ""
	case lost:
		m.state = state{}
		m.addNotice(fmt.Sprintf("%v; joining again, and what you write is sent then", e.err))
	case named:
		m.roomName = e.name
	case joining:
		m.state.joining = true
	}
}

func (g gap) words() string {
	switch g {
	case mayMiss:
		return "; what was said meanwhile may be missing"
	case newHistory:
		return "; the server was started anew, and what was said meanwhile may be missing"
	}
	return ""
}

// wait begins to count down to the next attempt.
func (m *model) wait(e waiting) tea.Cmd {
	first := m.state.until.IsZero()
	m.state = state{until: e.until}
	if e.err != nil && e.err.Error() != m.lastFailure { // and not again with each attempt
		m.lastFailure = e.err.Error()
		m.addNotice(m.lastFailure)
	}
	if first {
		return tickLater()
	}
	return nil
}

// place says where the user is, as far as is known.
func (m *model) place() string {
	if m.roomName == "" {
		return "at " + m.room
	}
	return fmt.Sprintf("in %s at %s", m.roomName, m.room)
}

// status describes the state of the connection.
func (m *model) status() string {
	switch {
	case m.state.online:
		return fmt.Sprintf("%s %s", m.name, m.place())
	case m.state.joining:
		return fmt.Sprintf("%s: reconnecting…", m.room)
	case m.state.until.IsZero():
		return fmt.Sprintf("%s: not connected", m.room)
	}
	// Rounded up, so that it ends with 1.
	left := max(1, int((m.state.until.Sub(m.now())+time.Second-1)/time.Second))
	return fmt.Sprintf("%s: reconnecting in %d s", m.room, left)
}
