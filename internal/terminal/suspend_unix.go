//go:build unix

package terminal

import (
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// A suspension gives the terminal back while the process is stopped, by a key or by
// SIGTSTP. After a SIGSTOP, which can't be caught, it takes the terminal anew.
//
// The library's own suspension sends SIGTSTP, which stops nothing any more once a Go
// program has caught it: os/signal does not restore its default effect. SIGSTOP does.
type suspension struct {
	signals chan os.Signal
	asked   atomic.Bool // it is to be stopped, so that no other signal need say so
	stopped chan bool   // holds a token while the process is stopped by this
	resumed chan struct{}
	done    chan struct{}
}

func newSuspension() *suspension {
	s := &suspension{
		signals: make(chan os.Signal, 8), stopped: make(chan bool, 1),
		resumed: make(chan struct{}, 1), done: make(chan struct{}),
	}
	signal.Notify(s.signals, syscall.SIGTSTP, syscall.SIGCONT)
	return s
}

// watch tells the program of signals until end. It does not wait for the program,
// which may wait for a signal itself.
func (s *suspension) watch(program *tea.Program) {
	for {
		select {
		case sig := <-s.signals:
			if sig == syscall.SIGTSTP {
				if s.asked.CompareAndSwap(false, true) {
					go program.Send(tea.SuspendMsg{})
				}
				continue
			}
			select {
			case <-s.stopped:
				s.resumed <- struct{}{}
			default:
				go program.Send(continued{})
			}
		case <-s.done:
			return
		}
	}
}

// end has signals be ignored.
func (s *suspension) end() {
	signal.Stop(s.signals)
	close(s.done)
}

// continued says that the process goes on after another has stopped it.
type continued struct{}

// filter puts what the program is to do in the place of messages.
func (s *suspension) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	switch msg.(type) {
	case tea.SuspendMsg:
		if !hasShell() {
			s.asked.Store(false)
			return nil
		}
		s.asked.Store(true)
		return tea.Exec(released(s.stop), resume)()
	case continued:
		return tea.Exec(released(func() {}), resume)()
	}
	return msg
}

// stop stops the process, with all that belong to the same job of the shell, until it
// is continued.
func (s *suspension) stop() {
	defer s.asked.Store(false)
	s.stopped <- true
	if err := unix.Kill(0, unix.SIGSTOP); err == nil {
		<-s.resumed
		return
	}
	select {
	case <-s.stopped:
	case <-s.resumed:
	}
}

// resume ends the program if the terminal could not be taken again.
func resume(err error) tea.Msg {
	if err != nil {
		return eventsMsg{failed{terminalError{err}}}
	}
	return tea.ResumeMsg{}
}

// hasShell reports whether a shell would take over if the process was stopped. One
// puts each job into a process group other than its own.
func hasShell() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != unix.Getpgrp()
}

// released is what is done while the program does not have the terminal.
type released func()

func (r released) Run() error {
	// The library's renderer stops its ticker after it has said that it ends, so that
	// one that begins at once would lose its own.
	const rendererEnds = 50 * time.Millisecond
	time.Sleep(rendererEnds)
	r()
	return nil
}

func (released) SetStdin(io.Reader)  {}
func (released) SetStdout(io.Writer) {}
func (released) SetStderr(io.Writer) {}
