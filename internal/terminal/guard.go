package terminal

import (
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// A guard is a model whose panics end the program in order, so that the
// terminal is restored before anybody is told.
type guard struct {
	tea.Model
	fail func(error) // ends the program
}

// A mistakeError is a panic: a mistake in the program, and where it is.
type mistakeError struct {
	value any
	stack []byte
}

func (e *mistakeError) Error() string {
	return fmt.Sprintf("the client failed, which is a mistake in it: %v\n%s", e.value, e.stack)
}

// Update is the model's, with the guard still around the model.
func (g guard) Update(msg tea.Msg) (same tea.Model, cmd tea.Cmd) {
	same = g // also after a panic
	defer g.recover()
	_, cmd = g.Model.Update(msg)
	return same, cmd
}

// View is the model's, or nothing.
func (g guard) View() tea.View {
	defer g.recover()
	return g.Model.View()
}

func (g guard) recover() {
	if p := recover(); p != nil {
		g.fail(&mistakeError{p, debug.Stack()})
	}
}
