package terminal

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sop-chat/internal/english"
)

// A command is what an input does that begins with its name after a slash.
type command struct {
	name  string
	usage string
	does  string
	run   func(m *model, argument string) tea.Cmd
}

func commands() []command {
	return []command{
		{"help", "", "shows this", (*model).help},
		{"me", " TEXT", "says what you do: /me waves", (*model).me},
		{"clear", "", "empties the screen", (*model).clear},
		{"mouse", "", "leaves the mouse to the terminal, to select text, or takes it back", (*model).toggleMouse},
		{"quit", "", "leaves", (*model).quit},
	}
}

const keysHelp = `Enter sends; Alt+Enter, Shift+Enter or Ctrl+J begin a new line
Up, Down: what you typed before
Tab completes a name
PgUp, PgDn, the mouse wheel: scroll; Ctrl+Home, Ctrl+End: to the first, the last
Esc: to the last; Ctrl+L draws the screen anew; Ctrl+Z suspends
Ctrl+C empties the input; if it is empty, Ctrl+C and Ctrl+D leave
//text is sent as /text`

const marksHelp = `› yours  … not yet sent  @ has your name in it  ! is under your name, but not from here`

// command runs what an input names. What it names must be a command: somebody
// a mistyped one should not be said to the room.
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
	m.note("there is no command /" + first + "; /help shows all, and // sends a text that begins with /")
	return nil
}

func (m *model) help(string) tea.Cmd {
	for _, c := range commands() {
		m.note("/" + c.name + c.usage + ": " + c.does)
	}
	for line := range strings.Lines(keysHelp) {
		m.note(strings.TrimSuffix(line, "\n"))
	}
	m.note(marksHelp)
	return nil
}

func (m *model) me(doing string) tea.Cmd {
	if doing == "" {
		m.note("/me needs a text, such as /me waves")
		return nil
	}
	m.say("/me " + doing)
	return nil
}

func (m *model) clear(string) tea.Cmd {
	m.log.clear()
	return nil
}

func (m *model) toggleMouse(string) tea.Cmd {
	m.mouseOff = !m.mouseOff
	if m.mouseOff {
		m.note("the mouse selects text now; /mouse lets it scroll again")
	} else {
		m.note("the mouse wheel scrolls now; most terminals select text with Shift")
	}
	return nil
}

// quit leaves, but only when told twice if something would be lost.
func (m *model) quit(string) tea.Cmd {
	if n := len(m.log.unsent); n > 0 && !m.warned && !m.sends() {
		m.warned = true
		m.note(english.Count(n, "message") + " would be lost that could not be sent yet; do that again to leave all the same")
		return nil
	}
	return tea.Quit
}

// note shows a notice.
func (m *model) note(text string) { m.add(newNotice(m.now(), text)) }

// add shows an entry, and the day if it is another one than before.
func (m *model) add(e entry) {
	if day := e.at.Format(time.DateOnly); day != m.day {
		if m.day != "" {
			m.log.add(newNotice(e.at, e.at.Format("Monday, 2 January 2006")))
		}
		m.day = day
	}
	m.log.add(e)
}
