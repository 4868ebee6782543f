package terminal

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// keysHelp and marksHelp are what /help shows besides the commands.
const keysHelp = `Enter sends; Alt+Enter, Shift+Enter or Ctrl+J begin a new line
Up, Down: what you typed before
Tab completes a name
PgUp, PgDn, the mouse wheel: scroll; Ctrl+Home, Ctrl+End: to the first, the last
Esc: to the last; Ctrl+L redraws the screen; Ctrl+Z suspends
Ctrl+C empties the input; if it is empty, Ctrl+C and Ctrl+D leave
//text is sent as /text`

const marksHelp = `› yours
… not sent yet
@ has your name in it
! is not from whom it names, or under your name and not from here`

// A helpPage covers the screen until a key is pressed. If it has more rows than the
// screen, the keys that scroll do not close it.
type helpPage struct {
	open          bool
	top           int // the first row that is shown
	width, height int // of the screen
}

// helpText returns what the page shows.
func helpText() string {
	var b strings.Builder
	for _, c := range commands() {
		b.WriteString("/" + c.name + c.usage + ": " + c.description + "\n")
	}
	return b.String() + "\n" + keysHelp + "\n\n" + marksHelp
}

// rows returns the rows of the page. Those after the first of a line are indented.
func (p *helpPage) rows() (rows []string) {
	for line := range strings.SplitSeq(helpText(), "\n") {
		for i, s := range wrapHanging(line, p.width-1, p.width-1-hanging) {
			rows = append(rows, strings.Repeat(" ", 1+hanging*min(i, 1))+line[s.begin:s.end])
		}
	}
	return rows
}

// resize changes the size of the screen.
func (p *helpPage) resize(width, height int) {
	p.width, p.height = width, height
	p.top = min(p.top, p.last())
}

// last returns the first row that is shown at the end of the page.
func (p *helpPage) last() int { return max(0, len(p.rows())-p.space()) }

// space returns how many rows of the page there are on the screen, the last row of
// which says what keys do.
func (p *helpPage) space() int { return max(1, p.height-1) }

// press handles a key.
func (p *helpPage) press(key string) {
	by := map[string]int{
		"up": -1, "down": 1, "pgup": -p.space(), "pgdown": p.space(), "home": -p.top, "end": p.last(),
	}[key]
	if by == 0 && key != "home" || p.last() == 0 {
		p.open = false
		return
	}
	p.scroll(by)
}

// scroll scrolls by a number of rows; negative is up.
func (p *helpPage) scroll(by int) { p.top = max(0, min(p.top+by, p.last())) }

// view returns the screen.
func (p *helpPage) view() string {
	rows := p.rows()
	rows = rows[p.top:min(p.top+p.space(), len(rows))]
	if p.height < 2 {
		return rows[0]
	}
	keys := " Esc closes"
	if p.last() > 0 {
		keys += "; Up, Down, PgUp, PgDn scroll"
	}
	keys = cut(keys, p.width)
	keys += strings.Repeat(" ", max(0, p.width-columns(keys)))
	return strings.Join(rows, "\n") + strings.Repeat("\n", p.height-len(rows)) + inverse.Render(keys)
}

// showHelp is the command /help.
func (m *model) showHelp(string) tea.Cmd {
	m.help.open, m.help.top = true, 0
	return nil
}
