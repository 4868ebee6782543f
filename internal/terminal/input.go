package terminal

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"sop-chat/client"
	"sop-chat/internal/console"
	"sop-chat/internal/english"
)

const (
	maxInput     = 16 << 10 // bytes that can be in the input
	maxInputRows = 8        // that the input has on the screen
	lowBudget    = 64       // bytes left, from which on they are counted
)

// An input is where the user types: a text of one or more lines, with the history
// of inputs and the completion of names.
type input struct {
	draft      draft
	history    history
	completion completion
}

func newInput() input { return input{draft: draft{column: -1}} }

func (i *input) text() string { return i.draft.text }

func (i *input) set(text string) {
	i.draft.editor = editor{text: text, cursor: len(text)}
	i.draft.column = -1
}

// resize sets the width and the maximum number of rows.
func (i *input) resize(width, rows int) {
	i.draft.resize(width, max(1, min(rows, maxInputRows)))
}

// edit handles a key as shells do.
func (i *input) edit(key tea.KeyPressMsg) {
	d := &i.draft
	column := d.column
	d.column = -1
	switch key.String() {
	case "left", "ctrl+b":
		d.cursor = d.left()
	case "right", "ctrl+f":
		d.cursor = d.right()
	case "alt+left", "ctrl+left", "alt+b":
		d.cursor = d.wordLeft()
	case "alt+right", "ctrl+right", "alt+f":
		d.cursor = d.wordRight()
	case "up", "down":
		d.column = column
		d.moveRows(map[string]int{"up": -1, "down": 1}[key.String()])
	case "home", "ctrl+a":
		d.cursor = d.lineBegin(d.cursor)
	case "end", "ctrl+e":
		d.cursor = d.lineEnd()
	case "shift+enter", "alt+enter", "ctrl+j":
		i.insert("\n")
	default:
		if !i.erase(key.String()) {
			i.insert(key.Text)
		}
	}
}

// erase handles a key that deletes, and reports whether it is one. Those for a line
// delete the line break at its edge.
func (i *input) erase(key string) bool {
	d := &i.draft
	begin, end := d.cursor, d.cursor
	switch key {
	case "backspace", "shift+backspace", "ctrl+h":
		begin = d.left()
	case "delete", "ctrl+d":
		end = d.right()
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		begin = d.wordLeft()
	case "alt+d", "alt+delete", "ctrl+delete":
		end = d.wordRight()
	case "ctrl+u":
		if begin = d.lineBegin(d.cursor); begin == end {
			begin = d.left()
		}
	case "ctrl+k":
		if end = d.lineEnd(); begin == end {
			end = d.right()
		}
	default:
		return false
	}
	d.remove(begin, end)
	return true
}

// insert inserts as much of a text as there is space for, without control
// characters except for tabs, and reports whether that was all of it.
func (i *input) insert(text string) bool {
	text = harmless(text)
	room := max(0, maxInput-len(i.text()))
	all := len(text) <= room
	if !all {
		text = strings.ToValidUTF8(text[:room], "")
	}
	i.draft.insert(text)
	return all
}

// paste inserts a text whose lines may end in any way.
func (i *input) paste(text string) bool {
	i.draft.column = -1
	return i.insert(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text))
}

// harmless returns a text that can't act on the terminal, once tabs are drawn as
// blanks.
func harmless(text string) string {
	fields := strings.Split(text, "\t")
	for i := range fields {
		fields[i] = console.Harmless(fields[i])
	}
	return strings.Join(fields, "\t")
}

// recall shows the input that was typed before (-1) or after (+1), and reports
// whether there is one.
func (i *input) recall(by int) bool {
	if text, ok := i.history.move(by, i.text()); ok {
		i.set(text)
		return true
	}
	return false
}

// budget says how many bytes are left when few are, or how many messages a long
// input makes.
func (i *input) budget() string {
	text := strings.TrimPrefix(i.text(), "//")
	switch left := client.MaxText - len(text); {
	case left < 0:
		return english.Count(len(client.Split(text)), "message")
	case left < lowBudget:
		return english.Count(left, "byte") + " left"
	}
	return ""
}
