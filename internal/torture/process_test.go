//go:build linux

package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a program that is killed and started again.
type process struct {
	name    string
	command func() *exec.Cmd
	log     string // the file to which all of its runs write

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	killed bool          // cmd was told to end
	faults []string      // the times it ended by itself
	isOver bool          // it is not started again
}

// newProcess returns a process that is not running yet. At the test's end it is killed.
func newProcess(t testing.TB, name string, command func() *exec.Cmd) *process {
	p := &process{name: name, command: command, log: filepath.Join(t.ArtifactDir(), name+".log")}
	t.Cleanup(func() {
		p.mu.Lock()
		p.isOver = true
		p.mu.Unlock()
		p.kill()
	})
	return p
}

// start starts it, unless it runs. If it ends by itself it is started again, which is
// among its faults.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil || p.isOver {
		return nil
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the tests are killed
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.killed = cmd, ended, false
	go func() {
		cmd.Wait()
		p.mu.Lock()
		p.cmd = nil
		wasKilled := p.killed
		if !wasKilled {
			p.faults = append(p.faults, fmt.Sprintf("%s ended by itself: %v", p.name, cmd.ProcessState))
		}
		close(ended)
		p.mu.Unlock()
		if !wasKilled {
			time.AfterFunc(time.Second, func() { p.start() })
		}
	}()
	return nil
}

// end sends a signal that ends it, waits for that, and returns how it ended; nil if it
// did not run.
func (p *process) end(signal syscall.Signal) *os.ProcessState {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.killed = true
	if cmd != nil {
		cmd.Process.Signal(signal)
	}
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		cmd.Process.Signal(syscall.SIGKILL)
		<-ended
	}
	return cmd.ProcessState
}

func (p *process) kill() { p.end(syscall.SIGKILL) }

// signal sends a signal that does not end it, if it runs.
func (p *process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.cmd.Process.Signal(signal)
	}
}

// complaints returns what is wrong with the process, whatever it did for others.
func (p *process) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	complaints := slices.Clone(p.faults)
	said, err := os.ReadFile(p.log)
	if err != nil {
		return append(complaints, err.Error())
	}
	for line := range strings.Lines(string(said)) {
		for _, bad := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if strings.Contains(line, bad) {
				complaints = append(complaints, p.name+" says: "+strings.TrimSpace(line))
			}
		}
	}
	return complaints
}
