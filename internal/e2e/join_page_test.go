package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// openPage runs join with the link that invites to a page, and nothing else for a key.
func openPage(t testing.TB, srv *website) *screen {
	t.Helper()
	s := openScreen(t, srv.server, 80, 24, fmt.Sprintf("%s join --name alice '%s'", binary, srv.link()), "-u SOP_CHAT_KEY")
	s.waitFor(fmt.Sprintf("joined http://127.0.0.1:%d as alice", srv.webPort))
	return s
}

// once waits until each of the texts is on the screen, and checks that they are there
// once, in this order.
func (s *screen) once(texts ...string) {
	s.t.Helper()
	s.waitFor(texts...)
	shown, at := s.text(), 0
	for _, text := range texts {
		i := strings.Index(shown, text)
		if strings.Count(shown, text) != 1 || i < at {
			s.t.Fatalf("%q is not there once, behind those before it; the screen shows:\n%s", text, shown)
		}
		at = i
	}
}

// Through the page a client that comes back after a restart of the server, too, shows
// what was said meanwhile, once and in order, and its own lines as its own.
func TestScreenPage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "chat.db")
	first := startWeb(t, "--history", file, "--replay", "20")
	bob := join(t, first.server, "bob")
	bob.say("said before, alice")
	s := openPage(t, first)
	s.waitFor("HH:MM @ bob: said before, alice")
	s.enter("one of alice")
	s.press("Enter")
	bob.expect(message("alice", "one of alice"))
	bob.send(message("alice", "it was me"))
	s.waitFor(`HH:MM ! "bob" writes as "alice": it was me`)

	first.signal(syscall.SIGTERM)
	first.expectEnd(0)
	s.waitFor("reconnecting in N s")
	s.enter("two of alice")
	s.press("Enter")
	s.waitFor("… alice: two of alice")
	second := startWebAt(t, first.port, first.webPort, "--history", file, "--replay", "20")
	carol := join(t, second.server, "carol")
	carol.say("said meanwhile")
	s.once("@ bob: said before, alice", "› alice: one of alice", "it was me", "back in the room", "carol: said meanwhile", "› alice: two of alice")
	carol.say("and after that")
	s.once("carol: said meanwhile", "carol: and after that")
	if title := s.tmux("display", "-p", "#{pane_title}"); strings.Contains(title, "(") {
		t.Errorf("old mentions are counted: %q", title)
	}
	s.press("C-c")
	s.ended(0)
}

// A relay is a network between a client and a server. It can be cut.
type relay struct {
	net.Listener
	to    string
	mu    sync.Mutex
	isCut bool
	conns []net.Conn
}

func newRelay(t testing.TB, to string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); r.cut() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	return r
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	r.conns = append(r.conns, conn, server)
	isCut := r.isCut
	r.mu.Unlock()
	if isCut {
		return
	}
	go func() { io.Copy(server, conn); server.Close() }()
	io.Copy(conn, server)
}

// cut ends all connections, and mend lets new ones through again.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = true
	for _, conn := range r.conns {
		conn.Close()
	}
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isCut = false
}

// After a long absence the history has what the server does not remember; without one
// a line says how many are missing.
func TestScreenPageMissed(t *testing.T) {
	t.Parallel()
	const said, remembered = 3000, 512
	for _, test := range []struct {
		what  string
		flags []string
		want  string
	}{
		{"history", []string{"--history", filepath.Join(t.TempDir(), "chat.db")}, "back in the room\nHH:MM   bob: line 0\nHH:MM   bob: line 1\n"},
		{"no history", nil, fmt.Sprintf("back in the room\nHH:MM - %d messages are missing here, and no longer on the server\nHH:MM   bob: line %[1]d\n", said-remembered)},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			srv := startWeb(t, test.flags...)
			bob := join(t, srv.server, "bob")
			network := newRelay(t, fmt.Sprintf("127.0.0.1:%d", srv.webPort))
			s := openScreen(t, srv.server, 80, 24, fmt.Sprintf("%s join --name alice http://%s", binary, network.Addr()))
			s.waitFor("joined http://")
			bob.say("before")
			s.waitFor("bob: before")
			network.cut()
			s.waitFor("reconnecting in N s")
			for i := range said {
				bob.say(fmt.Sprint("line ", i))
			}
			srv.stdout.waitForLine(t, fmt.Sprint("bob: line ", said-1))
			network.mend()
			s.once(fmt.Sprint("bob: line ", said-2), fmt.Sprint("bob: line ", said-1))
			s.press("C-Home")
			s.waitFor(test.want)
			s.press("C-c")
			s.ended(0)
		})
	}
}

// Lines through the page are as over TCP, and all have arrived when join ends; objects
// have the sender's name and the server's time.
func TestJoinPage(t *testing.T) {
	t.Parallel()
	srv := startWeb(t)
	bob := join(t, srv.server, "bob")
	address := fmt.Sprintf("http://127.0.0.1:%d", srv.webPort)
	lines, objects := startJoinAt(t, address, "--stay"), startJoinAt(t, address, "--json")
	eventually(t, "both have joined", func() bool { return strings.Count(srv.stdout.String(), `"alice" joined`) == 2 })
	bob.say("hello")
	bob.send(message("eve", "it was me"))
	lines.stdout.waitForLine(t, "it was me")
	if want := "bob: hello\n! \"bob\" writes as \"eve\": it was me\n"; lines.stdout.String() != want {
		t.Errorf("printed %q, want %q", lines.stdout, want)
	}
	objects.stdout.waitForLine(t, "it was me")
	var got struct {
		Time             time.Time
		Name, Text, From string
		Authenticated    string `json:"authenticated_name"`
	}
	last := strings.Split(strings.TrimSpace(objects.stdout.String()), "\n")[1]
	if err := json.Unmarshal([]byte(last), &got); err != nil || got.Name != "eve" || got.Authenticated != "bob" || time.Since(got.Time).Abs() > testTimeout {
		t.Errorf("printed %s: %v", last, err)
	}
	for range 200 {
		io.WriteString(objects.in, "a line\n")
	}
	objects.in.Close()
	objects.ends(0, "")
	for range 200 {
		bob.expect(message("alice", "a line"))
	}
	startJoinAt(t, address+"/nowhere").ends(1, `it answers "404 Not Found"`)
	wrong := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(wrong, []byte("guess"), 0o600); err != nil {
		t.Fatal(err)
	}
	startJoinAt(t, address, "--key-file", wrong).ends(1, address+" did not let us in: the key is wrong")
}

// Over TCP the client recognises what is replayed after a restart: it repeats nothing,
// counts no mention twice, and takes its own lines for its own.
func TestScreenReplay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "chat.db")
	flags := []string{"--history", file, "--replay", "20"}
	first := start(t, flags...)
	s := startScreen(t, first, 80, 24)
	bob := join(t, first, "bob")
	bob.say("hello, alice")
	s.waitFor("@ bob: hello, alice")
	s.enter("one of alice")
	s.press("Enter")
	bob.expect(message("alice", "one of alice"))
	s.waitFor("› alice: one of alice")
	first.signal(syscall.SIGTERM)
	first.expectEnd(0)
	s.waitFor("reconnecting in N s")
	second := setup{port: first.port, flags: flags}.start(t)
	carol := join(t, second, "carol")
	carol.say("said meanwhile")
	s.once("@ bob: hello, alice", "› alice: one of alice", "back in the room", "  carol: said meanwhile")
	carol.say("and after that")
	s.once("hello, alice", "one of alice", "carol: said meanwhile", "carol: and after that")
}
