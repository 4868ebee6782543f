package e2e

import (
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"sop-chat/internal/testenv"
)

var setMode = regexp.MustCompile(`\x1b\[\?([0-9;]+)([hl])`)

// However the full screen ends, what it has written last switches off all that it had
// switched on in the terminal, and the cursor on.
func TestRestoredModes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what   string
		end    func(cmd *exec.Cmd, keys io.Writer)
		status int
	}{
		{"Ctrl+C", func(_ *exec.Cmd, keys io.Writer) { io.WriteString(keys, "\x03") }, 0},
		{"SIGINT", func(cmd *exec.Cmd, _ io.Writer) { cmd.Process.Signal(syscall.SIGINT) }, 130},
		{"SIGTERM", func(cmd *exec.Cmd, _ io.Writer) { cmd.Process.Signal(syscall.SIGTERM) }, 143},
		{"SIGHUP", func(cmd *exec.Cmd, _ io.Writer) { cmd.Process.Signal(syscall.SIGHUP) }, 129},
		{"SIGQUIT", func(cmd *exec.Cmd, _ io.Writer) { cmd.Process.Signal(syscall.SIGQUIT) }, 131},
		{"SIGXCPU", func(cmd *exec.Cmd, _ io.Writer) { cmd.Process.Signal(syscall.SIGXCPU) }, 128 + int(syscall.SIGXCPU)},
		{"two signals", func(cmd *exec.Cmd, _ io.Writer) {
			cmd.Process.Signal(syscall.SIGHUP)
			cmd.Process.Signal(syscall.SIGHUP)
		}, 129},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			cmd := exec.Command(binary, "join", "--name", "alice", srv.address())
			cmd.Env = environment("SOP_CHAT_KEY="+key, "TERM=xterm-256color")
			keys, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
			if err != nil {
				testenv.Lacks(t, "pseudo-terminals: "+err.Error())
			}
			defer keys.Close()
			shown := new(output)
			go func() {
				io.Copy(shown, keys) // ends with the process
				shown.Close()
			}()
			shown.waitForLine(t, "joined ")
			for _, mode := range []string{"1049", "2004", "1002", "1006", "1004"} { // screen, paste, mouse, focus
				eventually(t, "mode "+mode+" is on", func() bool { return strings.Contains(shown.String(), "\x1b[?"+mode+"h") })
			}
			test.end(cmd, keys)
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
			eventually(t, "the terminal is restored", func() bool { return leftModes(shown.String()) == "" })
		})
	}
}

// leftModes returns which modes are not as shells need them after some output.
func leftModes(shown string) string {
	modes := map[string]bool{}
	for _, m := range setMode.FindAllStringSubmatch(shown, -1) {
		for mode := range strings.SplitSeq(m[1], ";") {
			modes[mode] = m[2] == "h"
		}
	}
	left := ""
	for mode, on := range modes {
		if on != (mode == "25") {
			left += fmt.Sprintf(" %s:%v", mode, on)
		}
	}
	return left
}

// When the terminal closes, the client ends, also if SIGHUP is ignored.
func TestJoinTerminalCloses(t *testing.T) {
	t.Parallel()
	for trap, status := range map[string]int{"": 129, "trap '' HUP; ": 1} {
		srv := start(t)
		cmd := exec.Command("sh", "-c", trap+"exec "+binary+" join --name alice "+srv.address())
		cmd.Env = environment("SOP_CHAT_KEY="+key, "TERM=xterm-256color")
		keys, err := pty.Start(cmd)
		if err != nil {
			testenv.Lacks(t, "pseudo-terminals: "+err.Error())
		}
		srv.stdout.waitForLine(t, `"alice" joined`)
		read := make([]byte, 1)
		keys.Read(read) // it has begun to draw
		keys.Close()
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(testTimeout):
			cmd.Process.Kill()
			t.Fatalf("%q: it goes on without a terminal", trap)
		}
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("%q: status %d, want %d", trap, got, status)
		}
	}
}
