package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A store is a service manager that keeps descriptors for a service while it restarts that.
type store struct {
	t    testing.TB
	path string
	size int // that it says it has; 0 if it says nothing

	mu   sync.Mutex
	kept []*os.File // guarded by mu; their names are those of the store
	ends int        // how many processes have said that they end; guarded by mu
}

func newStore(t testing.TB, size int) *store {
	t.Helper()
	s := &store{t: t, path: filepath.Join(t.TempDir(), "notify"), size: size}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s.receive(conn) {
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
		s.drop("")
	})
	return s
}

// receive handles one message. It reports whether there was one.
func (s *store) receive(conn *net.UnixConn) bool {
	message, rights := make([]byte, 4096), make([]byte, 4096)
	n, size, flags, _, err := conn.ReadMsgUnix(message, rights)
	if err != nil {
		return false
	}
	if flags&unix.MSG_CTRUNC != 0 {
		s.t.Error("the store was sent too many descriptors at once")
	}
	name, assignments := "", strings.Split(string(message[:n]), "\n")
	for _, a := range assignments {
		if value, is := strings.CutPrefix(a, "FDNAME="); is {
			name = value
		}
	}
	var files []*os.File
	if all, err := unix.ParseSocketControlMessage(rights[:size]); err == nil {
		for i := range all {
			fds, _ := unix.ParseUnixRights(&all[i])
			for _, fd := range fds {
				unix.CloseOnExec(fd)
				files = append(files, os.NewFile(uintptr(fd), name))
			}
		}
	}
	switch {
	case slices.Contains(assignments, "FDSTORE=1"):
		if !slices.Contains(assignments, "FDPOLL=0") {
			s.t.Errorf("%q would lose connections that have ended", assignments)
		}
		s.mu.Lock()
		s.kept = append(s.kept, files...)
		s.mu.Unlock()
		return true
	case slices.Contains(assignments, "FDSTOREREMOVE=1"):
		s.drop(name)
	case slices.Contains(assignments, "STOPPING=1"):
		s.mu.Lock()
		s.ends++
		s.mu.Unlock()
	}
	for _, f := range files { // of a barrier
		f.Close()
	}
	return true
}

// drop closes what has a name; all if that is "".
func (s *store) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(f *os.File) bool {
		is := name == "" || f.Name() == name
		if is {
			f.Close()
		}
		return is
	})
}

// keepStray keeps a file under a name, as if a process had failed to have it closed.
func (s *store) keepStray(name string) {
	s.t.Helper()
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, os.NewFile(uintptr(fd), name))
}

// count returns how many descriptors are kept.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// launch runs the next process of a service, with some sockets that the manager has opened
// for it, and in any order what is kept.
func (s *store) launch(service setup, sockets []*os.File, names ...string) *server {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock() // the process may have them closed before it is known to run
	rand.Shuffle(len(s.kept), func(i, j int) { s.kept[i], s.kept[j] = s.kept[j], s.kept[i] })
	for _, f := range s.kept {
		names = append(names, f.Name())
	}
	service.passed = slices.Concat(sockets, s.kept)
	service.env = append(service.env, "NOTIFY_SOCKET="+s.path)
	if s.size > 0 {
		service.env = append(service.env, fmt.Sprintf("FDSTORE=%d", s.size))
	}
	if len(names) > 0 {
		service.wrapper = activated(len(names), strings.Join(names, ":"))
	}
	return service.launch(s.t)
}

// restartSignal is RestartKillSignal= of the unit.
const restartSignal = syscall.SIGUSR1

// restart restarts a service as systemctl restart does.
func (s *store) restart(before *server, service setup, sockets []*os.File, names ...string) *server {
	s.t.Helper()
	before.signal(restartSignal)
	before.expectEnd(0)
	s.mu.Lock()
	ends := s.ends
	s.ends = 0
	s.mu.Unlock()
	if ends != 1 { // a manager that is not told takes the end for a crash
		s.t.Errorf("the process said %d times that it ends", ends)
	}
	return s.launch(service, sockets, names...)
}

const (
	restartedLine = "the server goes on in another process"
	refusedLine   = "the clients of the process before are disconnected"
)

// expectRestarted waits until a server goes on with clients, and its store is empty.
func (s *store) expectRestarted(srv *server) {
	s.t.Helper()
	srv.stderr.waitForLine(s.t, restartedLine)
	eventually(s.t, "the store is empty", func() bool { return s.count() == 0 })
}

// Under load, systemctl restart disconnects nobody if the service manager keeps descriptors,
// and everybody receives everything once and in its order: clients over TCP, pages, the
// console and the history. Sockets of the manager are those that the server had already.
func TestRestartKeepsClients(t *testing.T) {
	t.Parallel()
	file, webPort, port := historyFile(t), freePort(t), freePort(t)
	var opened net.ListenConfig
	opened.SetMultipathTCP(false)
	l, err := opened.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := l.(*net.TCPListener).File()
	l.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	service := setup{port: port, stdout: out, flags: loaded(file, webPort)}
	m := newStore(t, 1000)
	sockets := []*os.File{socket}
	srv := m.launch(service, sockets, "plain")
	load := startLoad(t, srv, file, webPort, 3)
	for i := range 3 {
		load.across(srv, i, func() {
			m.keepStray("sop-chat-state")
			srv = m.restart(srv, service, sockets, "plain")
			m.expectRestarted(srv)
		})
		if printed := srv.stderr.String(); strings.Contains(printed, "is for nothing") {
			t.Errorf("a socket was left over:\n%s", excerpt(printed))
		}
	}
	join(t, srv, "new").Close()
	load.end()
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	if n := m.count(); n > 0 {
		t.Errorf("%d descriptors were stored when the server was stopped", n)
	}
	printed, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	load.expectKept(strings.Split(strings.TrimSpace(string(printed)), "\n"))
}

// Clients over TLS are told when the server is restarted, and the others stay.
func TestRestartTLS(t *testing.T) {
	t.Parallel()
	s, m := secured(t), newStore(t, 100)
	s.port = freePort(t)
	srv := m.launch(s.setup, nil)
	s.waitServed(t, srv)
	plain := dial(t, srv, "plain", key)
	told := s.join(t, "secure").expectRestart()
	srv = m.restart(srv, s.setup, nil)
	wait(told)
	m.expectRestarted(srv)
	again := s.join(t, "again")
	again.expect(plain.say("still here"))
}

// A restart that can't keep the clients says why, and ends the server in order.
func TestRestartWithoutSpace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		size int
		says string
	}{
		{4, "the service manager keeps 4 descriptors, and"},
		{0, "does not say that it keeps descriptors"},
	} {
		m := newStore(t, test.size)
		srv := m.launch(setup{}, nil)
		srv.stderr.waitForLine(t, strconv.Itoa(srv.port))
		alice, bob := join(t, srv, "alice"), join(t, srv, "bob")
		bob.expect(alice.say("hello"))
		srv.signal(restartSignal)
		alice.expectClosed()
		srv.expectEnd(0)
		srv.stderr.waitForLine(t, "the clients are disconnected by this restart", test.says)
		if n := m.count(); n > 0 {
			t.Errorf("%d descriptors are stored", n)
		}
	}
}

// A process that can't go on with what was left says why, and begins anew: the clients see
// their connections end. One whose options have an error leaves all to the next one. A port
// may change meanwhile.
func TestRestartRefused(t *testing.T) {
	t.Parallel()
	m := newStore(t, 100)
	service := setup{port: freePort(t), flags: []string{"--history", historyFile(t)}}
	srv := m.launch(service, nil)
	srv.stderr.waitForLine(t, strconv.Itoa(srv.port))
	alice, bob := join(t, srv, "alice"), join(t, srv, "bob")
	said := alice.say("said before")
	bob.expect(said)

	wrong := service
	wrong.flags = append(slices.Clone(service.flags), "--rooms", filepath.Join(t.TempDir(), "none"))
	m.restart(srv, wrong, nil).expectEnd(1)
	moved := service
	moved.port = freePort(t)
	said = alice.say("said to nobody")
	srv = m.launch(moved, nil)
	m.expectRestarted(srv)
	bob.expect(said)
	join(t, srv, "carol").Close()

	other := moved
	other.flags = []string{"--history", historyFile(t)}
	srv = m.restart(srv, other, nil)
	srv.stderr.waitForLine(t, refusedLine, "--history is")
	srv.stderr.waitForLine(t, "listening on port")
	alice.expectClosed()
	bob.expectClosed()
	eventually(t, "the store is empty", func() bool { return m.count() == 0 })
	srv.expectAlive()

	dave := join(t, srv, "dave")
	srv.signal(restartSignal)
	srv.expectEnd(0)
	m.drop("sop-chat-state")
	srv = m.launch(other, nil)
	srv.stderr.waitForLine(t, refusedLine, "not its state")
	srv.stderr.waitForLine(t, "listening on port")
	dave.expectClosed()
	srv.expectAlive()
}
