package terminal

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"sop-chat/client"
	"sop-chat/internal/console"
	"sop-chat/internal/english"
)

const (
	maxInput     = 16 << 10 // bytes that can be in the input
	maxInputRows = 8        // that the input has on the screen
	lowBudget    = 64       // bytes left, from which on they are counted
	prompt       = "> "
)

// An input is where the user types: a text of one or more lines, with the history
// of inputs and the completion of names.
type input struct {
	area       textarea.Model
	history    history
	completion completion
}

func newInput() input {
	area := textarea.New()
	area.ShowLineNumbers = false
	area.CharLimit = 0
	area.MaxWidth = 0
	area.DynamicHeight = true
	area.MinHeight = 1
	area.MaxContentHeight = maxInput
	area.SetStyles(textarea.Styles{})
	area.SetVirtualCursor(false)
	area.SetPromptFunc(len(prompt), func(p textarea.PromptInfo) string {
		if p.LineNumber == 0 {
			return prompt
		}
		return strings.Repeat(" ", len(prompt))
	})
	// Keys that have another meaning here, or none that is useful.
	area.KeyMap.InsertNewline = key.NewBinding(key.WithKeys("shift+enter", "alt+enter", "ctrl+j"))
	for _, binding := range []*key.Binding{
		&area.KeyMap.PageUp, &area.KeyMap.PageDown, &area.KeyMap.Paste, &area.KeyMap.CopySelection,
		&area.KeyMap.InputBegin, &area.KeyMap.InputEnd,
	} {
		binding.SetEnabled(false)
	}
	area.Focus()
	return input{area: area}
}

func (i *input) text() string { return i.area.Value() }

func (i *input) set(text string) {
	i.area.SetValue(text)
	i.area.MoveToEnd()
}

// resize sets the width and the maximum number of rows.
func (i *input) resize(width, rows int) {
	i.area.MaxHeight = max(1, min(rows, maxInputRows))
	i.area.SetWidth(width)
}

func (i *input) update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	i.area, cmd = i.area.Update(msg)
	return cmd
}

// paste inserts as much of a text as there is space for, without control
// characters, and reports whether that was all of it.
func (i *input) paste(text string) bool {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", "    ").Replace(text)
	text = console.Harmless(text)
	room := max(0, maxInput-len(i.text()))
	all := len(text) <= room
	if !all {
		text = strings.ToValidUTF8(text[:room], "")
	}
	i.update(tea.PasteMsg{Content: text})
	return all
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

// atEdge reports whether the cursor is in the first row (-1) or the last (+1).
func (i *input) atEdge(by int) bool {
	line := i.area.LineInfo()
	if by < 0 {
		return i.area.Line() == 0 && line.RowOffset == 0
	}
	return i.area.Line() == i.area.LineCount()-1 && line.RowOffset >= line.Height-1
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
