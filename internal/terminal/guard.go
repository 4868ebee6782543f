package terminal

import (
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// A guard wraps a model and recovers from its panics, so that the program ends in
// order and the terminal is restored before the error is printed.
type guard struct {
	tea.Model
	fail func(error) // ends the program
}

// A panicError is a recovered panic, with its stack.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("the client failed, which is a bug in it: %v\n%s", e.value, e.stack)
}

// Update updates the model and returns the guard around it.
func (g guard) Update(msg tea.Msg) (same tea.Model, cmd tea.Cmd) {
	same = g // also after a panic
	defer g.recover()
	_, cmd = g.Model.Update(msg)
	return same, cmd
}

// View returns the model's view, or an empty one after a panic.
func (g guard) View() tea.View {
	defer g.recover()
	return g.Model.View()
}

func (g guard) recover() {
	if p := recover(); p != nil {
		g.fail(&panicError{p, debug.Stack()})
	}
}
