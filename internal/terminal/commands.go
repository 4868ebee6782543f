package terminal

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sop-chat/internal/english"
)

// A command is run by an input that begins with a slash and its name.
type command struct {
	name        string
	usage       string
	description string
	run         func(m *model, argument string) tea.Cmd
}

func commands() []command {
	return []command{
		{"help", "", "shows this", (*model).showHelp},
		{"me", " TEXT", "says what you do: /me waves", (*model).me},
		{"clear", "", "empties the screen", (*model).clear},
		{"mouse", "", "leaves the mouse to the terminal, to select text, or takes it back", (*model).toggleMouse},
		{"plain", "", "shows texts alone, to select and copy them with the mouse, or all again", (*model).togglePlain},
		{"quit", "", "leaves", (*model).quit},
	}
}

// command runs the command that an input names. It reports an unknown one, so that
// a mistyped command is not sent to the room.
func (m *model) command(input string) tea.Cmd {
	name, argument, _ := strings.Cut(strings.TrimPrefix(input, "/"), " ")
	if name == "exit" {
		name = "quit"
	}
	for _, c := range commands() {
		if c.name == name {
			m.input.history.add(input)
			m.input.set("")
			return c.run(m, strings.TrimSpace(argument))
		}
	}
	first, _, _ := strings.Cut(name, "\n")
	m.addNotice("there is no command /" + first + "; /help shows all, and // sends a text that begins with /")
	return nil
}

func (m *model) me(doing string) tea.Cmd {
	if doing == "" {
		m.addNotice("/me needs a text, such as /me waves")
		return nil
	}
	m.say("/me " + doing)
	return nil
}

func (m *model) clear(string) tea.Cmd {
	m.log.clear()
	m.day = ""
	return nil
}

func (m *model) toggleMouse(string) tea.Cmd {
	m.mouseOff = !m.mouseOff
	if m.mouseOff {
		m.addNotice("the mouse selects text now; /mouse lets it scroll again")
	} else {
		m.addNotice("the mouse wheel scrolls now; most terminals select text with Shift")
	}
	return nil
}

// quit leaves. If messages would be lost, it has to be called twice.
func (m *model) quit(string) tea.Cmd {
	if n := len(m.log.unsent); n > 0 && !m.warned && !m.sends() {
		m.warned = true
		m.addNotice(english.Count(n, "message") + " that could not be sent would be lost; do that again to leave anyway")
		return nil
	}
	return tea.Quit
}

// addNotice shows a notice.
func (m *model) addNotice(text string) { m.addEntry(newNotice(m.now(), text)) }

// addEntry shows an entry, and before it the day if that has changed, or if it is the
// first message.
func (m *model) addEntry(e entry) {
	if day := e.at.Format(time.DateOnly); day != m.day && (m.day != "" || e.kind != notice) {
		m.log.add(newNotice(e.at, e.at.Format("Monday, 2 January 2006")))
		m.day = day
	}
	if e.kind != notice {
		e.colour = m.colours.of(e.speaker)
	}
	m.log.add(e)
}
