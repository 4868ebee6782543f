package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/testenv"
)

var update = flag.Bool("update", false, "renew the golden screens")

// A screen is a terminal of tmux in which `sop-chat join` runs. Tests press keys
// and look at the screen, as a user does.
type screen struct {
	t      testing.TB
	srv    *server
	socket string
}

// startScreen runs join in a terminal of some size. When join ends, the screen
// shows its status and whether the terminal echoes.
func startScreen(t testing.TB, srv *server, columns, rows int, env ...string) *screen {
	t.Helper()
	s := openScreen(t, srv, columns, rows, fmt.Sprintf("%s join --name alice %s", binary, srv.address()), env...)
	s.waitFor("joined " + srv.address())
	return s
}

// openScreen runs a command in a terminal.
func openScreen(t testing.TB, srv *server, columns, rows int, command string, env ...string) *screen {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		testenv.Lacks(t, "tmux")
	}
	s := &screen{t: t, srv: srv, socket: filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	script := fmt.Sprintf(`trap : INT; env %s %s; echo "status $?"; stty -a; exec sleep 1000`, strings.Join(env, " "), command)
	cmd := exec.Command("tmux", "-S", s.socket, "-f", "/dev/null", "-u", "new-session", "-d",
		"-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), "sh", "-c", script)
	cmd.Env = environment("SOP_CHAT_KEY="+key, "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	return s
}

// tmux runs a command of tmux and returns what it prints.
func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// press presses keys, by tmux's names of them.
func (s *screen) press(keys ...string) {
	s.t.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
}

// enter types any text.
func (s *screen) enter(text string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", "--", text)
}

func (s *screen) resize(columns, rows int) {
	s.t.Helper()
	s.tmux("resize-window", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows))
}

// What differs from run to run.
var (
	timeOfRow = regexp.MustCompile(`(?m)^\d\d:\d\d `)
	dayOfRow  = regexp.MustCompile(`(?m)- \w+day, \d+ \w+ \d{4}$`)
	countdown = regexp.MustCompile(`reconnecting in \d+ s`)
)

// text returns the text on the screen, with times, days and the port masked.
func (s *screen) text() string {
	s.t.Helper()
	shown := timeOfRow.ReplaceAllString(s.tmux("capture-pane", "-p"), "HH:MM ")
	shown = dayOfRow.ReplaceAllString(shown, "- DAY")
	shown = countdown.ReplaceAllString(shown, "reconnecting in N s")
	return strings.ReplaceAll(shown, fmt.Sprint(":", s.srv.port), ":PPPPP")
}

// wait waits until ok returns true for the screen.
func (s *screen) wait(what string, ok func(shown string) bool) {
	s.t.Helper()
	deadline := time.After(testTimeout)
	again := time.NewTicker(30 * time.Millisecond)
	defer again.Stop()
	for {
		shown := s.text()
		if ok(shown) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			s.t.Fatalf("in vain waited %v for %s; the screen shows:\n%s", testTimeout, what, shown)
		}
	}
}

// waitFor waits until all of the texts are on the screen.
func (s *screen) waitFor(texts ...string) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%q", texts), func(shown string) bool {
		for _, text := range texts {
			if !strings.Contains(shown, strings.ReplaceAll(text, fmt.Sprint(":", s.srv.port), ":PPPPP")) {
				return false
			}
		}
		return true
	})
}

// expect waits until the screen equals a golden file.
func (s *screen) expect(name string) {
	s.t.Helper()
	golden := filepath.Join("testdata", "screens", name+".txt")
	if *update {
		before := ""
		s.wait("a screen that does not change", func(shown string) bool {
			same := shown == before
			before = shown
			return same
		})
		if err := os.WriteFile(golden, []byte(before), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		s.t.Fatal(err)
	}
	s.wait("the screen of "+golden+", which is:\n"+string(want)+"\n", func(shown string) bool { return shown == string(want) })
}

// ended checks that join has ended with a status, and that the terminal is
// restored: it echoes, and reads whole lines.
func (s *screen) ended(status int) {
	s.t.Helper()
	s.waitFor(fmt.Sprintf("status %d\n", status), " echo ", " icanon ")
}
