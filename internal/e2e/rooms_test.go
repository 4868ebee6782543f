package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sop-chat/internal/wire"
)

// A roomsFile is a file of rooms with which a server runs.
type roomsFile struct {
	t    testing.TB
	name string
}

func newRoomsFile(t testing.TB, rooms ...string) roomsFile {
	f := roomsFile{t, filepath.Join(t.TempDir(), "rooms.toml")}
	f.write(rooms...)
	return f
}

// write replaces the file in one step.
func (f roomsFile) write(rooms ...string) {
	f.t.Helper()
	if err := os.WriteFile(f.name+".new", []byte(strings.Join(rooms, "\n")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.name+".new", f.name); err != nil {
		f.t.Fatal(err)
	}
}

// room returns a room of a file, with more settings.
func room(name, key string, more ...string) string {
	return fmt.Sprintf("[[room]]\nname = %q\nkey = %q\n", name, key) + strings.Join(more, "\n")
}

// reread has the server read its file again, and waits until it says how that went.
func (s *server) reread(says string) {
	s.t.Helper()
	before := strings.Count(s.stderr.String(), says)
	s.signal(syscall.SIGHUP)
	eventually(s.t, "it says: "+says, func() bool { return strings.Count(s.stderr.String(), says) > before })
}

// refuses checks that a key opens no room.
func (s *server) refuses(name, key string) {
	s.t.Helper()
	c := connect(s.t, s)
	if in, err := c.tryAuthenticate(name, key); in || err != nil {
		s.t.Errorf("%q is let in with the key %q, or gets something else than a close: %v", name, key, err)
	}
}

// Thirty rooms of a file: each client hears its own room and no other. When the file is
// read again, rooms open, close and change, and the clients of the others notice nothing.
func TestRooms(t *testing.T) {
	t.Parallel()
	const n = 30
	var rooms []string
	for i := range n {
		rooms = append(rooms, room(fmt.Sprint("room ", i), fmt.Sprint("Kluczyk-", i)))
	}
	file := newRoomsFile(t, rooms...)
	srv := setup{flags: []string{"--rooms", file.name}, key: []string{}, wrapper: []string{"setsid"}}.start(t)
	pairs := make([][2]*client, n)
	talk := func(members [2]*client) {
		t.Helper()
		a, b := members[0], members[1]
		b.expect(a.say("one"), a.say("two")) // and nothing of another room between them
		a.expect(b.say("three"))
	}
	for i := range pairs {
		key := fmt.Sprint("Kluczyk-", i)
		pairs[i] = [2]*client{dial(t, srv, fmt.Sprint("a", i), key), dial(t, srv, fmt.Sprint("b", i), key)}
	}
	for _, members := range pairs {
		talk(members)
	}
	srv.refuses("eve", "Kluczyk-30")
	srv.refuses("eve", "")

	// The first room is gone, the second has another key, the third and the fourth
	// exchange theirs, the fifth disconnects with a new one, the sixth takes 3 clients,
	// and there is a new room with the key of the first.
	next := append([]string{}, rooms[6:]...)
	next = append(next,
		room("room 1", "Nowy-1"),
		room("room 2", "Kluczyk-3"), room("room 3", "Kluczyk-2"),
		room("room 4", "Nowy-4", "disconnect-on-key-change = true"),
		room("room 5", "Kluczyk-5", "max-clients = 3"),
		room("new", "Kluczyk-0"))
	file.write(next...)
	srv.reread("opened=1 closed=1 changed=5")
	for _, i := range []int{0, 4} {
		pairs[i][0].expectFullyClosed()
		pairs[i][1].expectFullyClosed()
	}
	for i, members := range pairs {
		if i != 0 && i != 4 {
			talk(members)
		}
	}
	srv.refuses("eve", "Kluczyk-1")
	srv.refuses("eve", "Kluczyk-4")
	third := dial(t, srv, "third", "Nowy-1")
	third.expectNothing(pairs[1][:]...)
	in3 := dial(t, srv, "in room 3", "Kluczyk-2")
	in3.expectNothing(pairs[3][:]...)
	talk([2]*client{dial(t, srv, "a", "Nowy-4"), dial(t, srv, "b", "Nowy-4")})
	talk([2]*client{dial(t, srv, "a", "Kluczyk-0"), dial(t, srv, "b", "Kluczyk-0")})
	dial(t, srv, "third", "Kluczyk-5")
	srv.refuses("fourth", "Kluczyk-5")

	// A file that is wrong changes nothing, and one that is right again is read.
	file.write(append(next, room("one too many", "Kluczyk-0"))...)
	srv.reread("the rooms stay as they are")
	srv.stderr.waitForLine(t, `room \"one too many\" has the same key as room \"new\"`)
	if err := os.Remove(file.name); err != nil {
		t.Fatal(err)
	}
	srv.reread("the rooms stay as they are")
	third.expectNothing(pairs[1][:]...)
	srv.refuses("eve", "Kluczyk-1")
	file.write(next[:1]...)
	srv.reread("opened=0 closed=29 changed=0")
	third.expectClosed()
	talk(pairs[6])
	if strings.Contains(srv.stderr.String(), "Kluczyk") || strings.Contains(srv.stderr.String(), "Nowy") {
		t.Errorf("standard error has a key:\n%s", excerpt(srv.stderr.String()))
	}
}

// Rooms of the command line stand beside the one of KEY.
func TestRoomFlags(t *testing.T) {
	t.Parallel()
	srv := start(t, "--room", "a=Kluczyk-a", "--room", "b=Kluczyk-b", "--max-clients", "2")
	var all []*client
	for _, key := range []string{key, "Kluczyk-a", "Kluczyk-b"} {
		one, two := dial(t, srv, "one", key), dial(t, srv, "two", key)
		two.expect(one.say("hello in " + key))
		srv.refuses("three", key)
		all = append(all, one, two)
	}
	srv.signal(syscall.SIGTERM)
	for _, c := range all {
		c.expectClosed()
	}
	srv.expectEnd(0)
}

// A server with a file of rooms is ended by a terminal that closes, and by a signal to
// read again it is not.
func TestRoomsAndTerminal(t *testing.T) {
	t.Parallel()
	file := newRoomsFile(t, room("a", "Kluczyk-a"))
	for _, test := range []struct {
		what    string
		wrapper []string
		ends    bool
	}{
		{"a terminal", nil, true},
		{"nohup", []string{"nohup"}, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			screen, terminal := openTerminal(t)
			srv := setup{flags: []string{"--rooms", file.name}, key: []string{}, belongs: terminal, wrapper: test.wrapper}.start(t)
			terminal.Close()
			srv.reread("the rooms have been read again")
			c := dial(t, srv, "a", "Kluczyk-a")
			screen.Close()
			srv.signal(syscall.SIGHUP)
			if test.ends {
				c.expectClosed()
				srv.signal(syscall.SIGHUP)
				srv.expectEnd(0)
				return
			}
			srv.reread("the rooms have been read again")
			dial(t, srv, "b", "Kluczyk-a").expect(c.say("still here"))
		})
	}
}

// One file has the history of all rooms. A room that is closed and opened again, or whose
// server is, goes on where it was; nobody is sent another room's messages.
func TestRoomsHistory(t *testing.T) {
	t.Parallel()
	a, b := room("a", "Kluczyk-a"), room("b", "Kluczyk-b", "replay = 1")
	file, path := newRoomsFile(t, a, b), historyFile(t)
	setup := setup{
		flags:   []string{"--rooms", file.name, "--history", path, "--replay", "2"},
		key:     []string{},
		wrapper: []string{"setsid"},
	}
	srv := setup.start(t)
	inA, inB := dial(t, srv, "alice", "Kluczyk-a"), dial(t, srv, "bob", "Kluczyk-b")
	var saidInA, saidInB []wire.Message
	say := func(c *client, key, text string) wire.Message {
		t.Helper()
		witness := dial(t, srv, "witness", key)
		defer witness.Close()
		m := c.say(text)
		eventually(t, "it is said", func() bool { return witness.receive() == m })
		return m
	}
	for i := range 3 {
		saidInA = append(saidInA, say(inA, "Kluczyk-a", fmt.Sprint("in a ", i)))
		saidInB = append(saidInB, say(inB, "Kluczyk-b", fmt.Sprint("in b ", i)))
	}

	file.write(a)
	srv.reread("opened=0 closed=1")
	inB.expectClosed()
	file.write(a, b)
	srv.reread("opened=1 closed=0")
	inB = dial(t, srv, "bob", "Kluczyk-b")
	inB.expect(saidInB[2])
	saidInB = append(saidInB, say(inB, "Kluczyk-b", "in b again"))

	file.write(a, room("b", "Kluczyk-b", "replay = 3"))
	srv.reread("opened=0 closed=0 changed=1")
	dial(t, srv, "carol", "Kluczyk-b").expect(saidInB[1:]...)
	dial(t, srv, "carol", "Kluczyk-a").expect(saidInA[1:]...)

	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	setup.port = srv.port
	srv = setup.start(t)
	dial(t, srv, "carol", "Kluczyk-b").expect(saidInB[1:]...)
	dial(t, srv, "carol", "Kluczyk-a").expect(saidInA[1:]...)
	for room, said := range map[string][]wire.Message{"a": saidInA, "b": saidInB} {
		got := run(t, nil, binary, "history", "list", path, "--room", room)
		if lines := strings.Count(got.stdout, "in "+room); got.status != 0 || lines != len(said) || strings.Count(got.stdout, "\n") != lines {
			t.Errorf("status %d; the history of %q is\n%s%s", got.status, room, got.stdout, got.stderr)
		}
	}
}
