package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A peopleFile is a file of keys, and the keys.
type peopleFile struct {
	t     testing.TB
	name  string
	lines map[string]string // by label
	keys  map[string]string // by label
}

// newPeopleFile returns a file with new keys for labels of a room.
func newPeopleFile(t testing.TB, room string, labels ...string) *peopleFile {
	t.Helper()
	f := &peopleFile{t, filepath.Join(t.TempDir(), "people.txt"), make(map[string]string), make(map[string]string)}
	for _, label := range labels {
		f.add(label, room)
	}
	f.write(labels...)
	return f
}

// add makes a new key, and does not write it.
func (f *peopleFile) add(label, room string) {
	f.t.Helper()
	made := run(f.t, nil, binary, "key", "new", label, room)
	_, key, found := strings.Cut(made.stderr, "shown only now: ")
	if made.status != 0 || !found {
		f.t.Fatalf("status %d, %s%s", made.status, made.stdout, made.stderr)
	}
	f.lines[label], f.keys[label] = made.stdout, strings.TrimSpace(key)
}

// write has the file have the lines of labels.
func (f *peopleFile) write(labels ...string) {
	f.t.Helper()
	text := "# people\n"
	for _, label := range labels {
		text += f.lines[label]
	}
	if err := os.WriteFile(f.name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// askRoom returns the name of the room that the page's API knows for a key, and the status
// with which it gives the history.
func (w *website) askRoom(key string) (name string, status int) {
	w.t.Helper()
	get := func(path string) *http.Response {
		r, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d%s", w.webPort, path), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+base64.StdEncoding.EncodeToString([]byte(key)))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { response.Body.Close() })
		return response
	}
	body, err := io.ReadAll(get("/api/room").Body)
	var answer struct{ Name string }
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Name, get("/api/messages").StatusCode
}

// People with keys of their own are in the room that the file says, beside those with its
// key. A key that is removed from the file lets in no more, and disconnects; all others
// stay. A file that is wrong changes nothing.
func TestPersonalKeys(t *testing.T) {
	t.Parallel()
	people := newPeopleFile(t, "maths", "alice", "bob")
	people.add("carol", "main")
	people.write("alice", "bob", "carol")
	port, webPort := freePort(t), freePort(t)
	srv := &website{setup{
		flags:   []string{"--keys", people.name, "--room", "maths=Kluczyk", "--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--history", filepath.Join(t.TempDir(), "chat.db"), "--max-clients", "0"},
		port:    port,
		wrapper: []string{"setsid"},
	}.start(t), webPort}
	srv.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/", webPort))

	alice, bob := dial(t, srv.server, "Alice", people.keys["alice"]), dial(t, srv.server, "Bob", people.keys["bob"])
	phone := dial(t, srv.server, "Alice's phone", people.keys["alice"])
	teacher := dial(t, srv.server, "teacher", "Kluczyk")
	carol := dial(t, srv.server, "Carol", people.keys["carol"])
	main := dial(t, srv.server, "main", key)
	said := alice.say("hello")
	for _, c := range []*client{bob, phone, teacher} {
		c.expect(said)
	}
	main.expect(carol.say("nobody of maths hears this"))
	for _, wrong := range []string{people.keys["alice"] + "x", "alice:", "alice", "mallory:" + people.keys["alice"], strings.ToUpper(people.keys["alice"])} {
		srv.refuses("eve", wrong)
	}
	for _, test := range []struct {
		key, room string
		status    int
	}{
		{people.keys["alice"], "maths", 200}, {people.keys["carol"], "main", 200}, {people.keys["alice"] + "x", "", 401}, {"nobody:x", "", 401},
	} {
		if name, status := srv.askRoom(test.key); name != test.room || status != test.status {
			t.Errorf("the page's API knows the room %q, and gives the history with %d; want %q, %d", name, status, test.room, test.status)
		}
	}
	srv.stdout.waitForLine(t, `gave the key of "alice": accepted`)

	people.write("bob", "carol")
	srv.reread("keys=2 added=0 removed=1 changed=0")
	alice.expectFullyClosed()
	phone.expectFullyClosed()
	srv.refuses("Alice", people.keys["alice"])
	if name, status := srv.askRoom(people.keys["alice"]); name != "" || status != 401 {
		t.Errorf("the page's API still knows the key: %q, %d", name, status)
	}
	teacher.expect(bob.say("still here"))
	bob.expectNothing(teacher)
	srv.stderr.waitForLine(t, `name=Alice room=maths reason="its key was removed" label=alice`)

	former := people.keys["bob"]
	people.add("bob", "main") // another key and another room
	people.lines["eve"] = "eve nowhere" + people.lines["bob"][strings.IndexByte(people.lines["bob"], ' '):]
	people.write("bob", "eve")
	srv.reread("the personal keys stay as they are")
	teacher.expect(bob.say("and still here"))
	people.write("bob", "carol")
	srv.reread("keys=2 added=0 removed=0 changed=1")
	bob.expectFullyClosed()
	srv.refuses("Bob", former)
	bob = dial(t, srv.server, "Bob", people.keys["bob"])
	said = bob.say("moved")
	main.expect(said)
	carol.expect(said)

	people.write("bob") // without a signal
	carol.expectFullyClosed()
	main.expect(bob.say("the last words"))
	for label, key := range people.keys {
		if _, secret, _ := strings.Cut(key, ":"); strings.Contains(srv.stdout.String()+srv.stderr.String(), secret+`"`+": accepted") {
			t.Errorf("the key of %s is shown:\n%s", label, excerpt(srv.stdout.String()))
		}
	}
}

// Without KEY only keys of persons open the room, also on the page, which is told when its
// key is removed.
func TestPersonalKeysOnly(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	people := newPeopleFile(t, "main", "alice", "bob")
	port, webPort := freePort(t), freePort(t)
	srv := setup{
		flags:   []string{"--keys", people.name, "--web", fmt.Sprintf("127.0.0.1:%d", webPort)},
		key:     []string{},
		port:    port,
		wrapper: []string{"setsid"},
	}.start(t)
	srv.stderr.waitForLine(t, fmt.Sprintf("with a key of their own: http://127.0.0.1:%d/", webPort))
	if strings.Contains(srv.stderr.String(), "#key=") {
		t.Errorf("a key is shown:\n%s", srv.stderr)
	}
	for _, wrong := range []string{"", "main", "alice:"} {
		srv.refuses("eve", wrong)
	}
	p := b.open(linkTo(webPort, people.keys["alice"]), desktop)
	p.join("Alice")
	p.waitJoined("Alice")
	bob := dial(t, srv, "Bob", people.keys["bob"])
	bob.say("hello")
	p.hears("Bob", "hello")
	p.say("hello, Bob")
	bob.expect(message("Alice", "hello, Bob"))
	people.write("bob")
	srv.reread("keys=1 added=0 removed=1 changed=0")
	p.wait("the wrong key", `document.body.innerText.includes("Wrong key. Trying again")`)
	people.write("alice", "bob")
	srv.reread("keys=2 added=1 removed=0 changed=0")
	p.waitJoined("Alice")
	bob.say("again")
	p.hears("Bob", "again")
}
