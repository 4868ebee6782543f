//go:build !unix

package terminal

import tea "charm.land/bubbletea/v2"

// A suspension is what stops the process, of which only Unix knows.
type suspension struct{}

func newSuspension() *suspension { return new(suspension) }

func (*suspension) watch(*tea.Program) {}

func (*suspension) end() {}

func (*suspension) filter(_ tea.Model, msg tea.Msg) tea.Msg { return msg }
