//go:build linux

package torture

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	historyFile = "chat.db"
	metricsPort = 9464
)

// What operators do to a cluster costs nobody a message: servers are upgraded, ended and
// started again, and NATS is away for a while. In the end, the histories of all servers have
// the same.
func TestOperation(t *testing.T) {
	t.Parallel()
	c := startNATS(t)
	all := startServers(t, c, "--history", historyFile, "--admin", "./admin.sock", "--metrics", hostWord+":"+strconv.Itoa(metricsPort))
	var addresses []address
	for _, s := range all {
		addresses = append(addresses, s.address)
	}
	load := startLoad(t, 1, addresses, 2, 2, 100*time.Millisecond)
	for _, s := range all {
		s.upgrade(t)
	}
	restart := func(i int) {
		load.add(Event{Kind: Killed, Server: int32(i)}) // what it has yet to read is lost
		all[i].restart(t)
	}
	restart(0)
	restart(0) // it goes on in what the first time has left

	for i := range nodes {
		c.nodes[i].kill()
	}
	all[1].becomes(t, http.StatusServiceUnavailable)
	load.pause(time.Second)
	for i := range nodes {
		if err := c.nodes[i].start(); err != nil {
			t.Fatal(err)
		}
	}
	all[1].becomes(t, http.StatusOK)
	restart(2)
	judge(t, load, time.Minute)
	for _, s := range all {
		s.finish(t)
	}
	expectSameHistories(t, all)
}

// expectSameHistories checks that servers, which have ended, have kept the same.
func expectSameHistories(t *testing.T, all []*chatServer) {
	t.Helper()
	for _, room := range rooms {
		first := all[0].history(t, room)
		if len(first) == 0 {
			t.Errorf("the history has nothing of the room %s", room)
		}
		for _, s := range all[1:] {
			if other := s.history(t, room); !slices.Equal(first, other) {
				t.Errorf("in the room %s, the history of %s has %d messages, and that of %s %d, or other ones",
					room, all[0].name, len(first), s.name, len(other))
			}
		}
	}
}

// upgrade has a server go on in its program, which is the same one.
func (s *chatServer) upgrade(t *testing.T) {
	t.Helper()
	if out, err := s.admin(t, "upgrade"); err != nil {
		t.Fatalf("%s is not upgraded: %v\n%s", s.name, err, out)
	}
}

// admin has a server do what an operator asks for, and returns what that reads.
func (s *chatServer) admin(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	program, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, append([]string{"admin", "--socket", filepath.Join(s.folder, "admin.sock")}, args...)...).CombinedOutput()
	return string(out), err
}

// restart ends a server in order, and starts it again.
func (s *chatServer) restart(t *testing.T) {
	t.Helper()
	if state := s.end(syscall.SIGTERM); state == nil || state.ExitCode() != 0 {
		t.Fatalf("%s ended with %v", s.name, state)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	s.becomes(t, http.StatusOK)
}

// becomes waits until a server is ready, or not.
func (s *chatServer) becomes(t *testing.T, status int) {
	t.Helper()
	host, _, _ := net.SplitHostPort(s.chat)
	if !eventually(time.Minute, func() bool {
		response, err := http.Get("http://" + net.JoinHostPort(host, strconv.Itoa(metricsPort)) + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == status
	}) {
		t.Fatalf("%s does not answer with %d", s.name, status)
	}
}

// history returns what the history of a server has of a room, which has ended.
func (s *chatServer) history(t *testing.T, room string) []string {
	t.Helper()
	program, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "history", "list", "--last", "0", "--room", room, filepath.Join(s.folder, historyFile)).Output()
	if err != nil {
		t.Fatalf("the history of %s: %v", s.name, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
