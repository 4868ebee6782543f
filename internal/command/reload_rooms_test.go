package command

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/rooms"
)

// A fakeRooms is a server that has nothing but the keys of its rooms.
type fakeRooms struct {
	keys   map[string]string
	refuse string // the name of a room that can't be opened or changed
	did    []string
}

func (f *fakeRooms) free(room rooms.Room) error {
	for name, key := range f.keys {
		if name != room.Name && key == room.Key {
			return fmt.Errorf("room %q has that key", name)
		}
	}
	if room.Name == f.refuse {
		return errors.New("refused")
	}
	return nil
}

func (f *fakeRooms) openRoom(room rooms.Room) error {
	if _, found := f.keys[room.Name]; found {
		return errors.New("there already")
	}
	f.did = append(f.did, "open "+room.Name)
	return f.set(room)
}

func (f *fakeRooms) changeRoom(c rooms.Change) error {
	f.did = append(f.did, "change "+c.To.Name)
	return f.set(c.To)
}

func (f *fakeRooms) set(room rooms.Room) error {
	err := f.free(room)
	if err == nil {
		f.keys[room.Name] = room.Key
	}
	return err
}

func (f *fakeRooms) closeRoom(room rooms.Room) error {
	f.did = append(f.did, "close "+room.Name)
	delete(f.keys, room.Name)
	return nil
}

// When the file is read again, the server gets the rooms it says. If it has an error, or
// can't be read, nothing changes. A room that the server refuses is tried again the next
// time.
func TestReloadRooms(t *testing.T) {
	file := roomsFile(t, roomTables("a", "1", "b", "2", "c", "3"))
	o := options(t, process([]string{"9000", "--room", "fixed=0", "--history", "h", "--rooms", file}))
	server := &fakeRooms{keys: map[string]string{"fixed": "0", "a": "1", "b": "2", "c": "3"}}
	var log strings.Builder
	var warned []string
	reading := &roomsReloader{
		read:   o.readRooms,
		rooms:  o.rooms,
		server: server,
		warn: func(all []rooms.Room) {
			for _, room := range all {
				warned = append(warned, room.Name)
			}
		},
		logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	r := &reloader{steps: []reloadStep{reading.reload}, logger: reading.logger}
	kept := map[string]string{"fixed": "0", "a": "2", "b": "1", "d": "3"}
	for _, step := range []struct {
		what, content string
		refuse        string
		want          map[string]string
		did           string
		warned        string
		log           string
	}{
		{
			what: "as it was", content: roomTables("c", "3", "b", "2", "a", "1"),
			want: map[string]string{"fixed": "0", "a": "1", "b": "2", "c": "3"},
			log:  `level=INFO msg="the rooms have been read again" rooms=4 opened=0 closed=0 changed=0`,
		},
		{
			what: "opened, closed, and keys exchanged", content: roomTables("a", "2", "b", "1", "d", "3"),
			want: kept, did: "close c, change a, change b, change a, open d", warned: "a b d",
			log: `level=INFO msg="the rooms have been read again" rooms=4 opened=1 closed=1 changed=2`,
		},
		{
			what: "a name twice", content: roomTables("a", "2", "a", "3"), want: kept,
			log: `level=ERROR msg="the rooms stay as they are" error="` + file + `:4: there is another room \"a\", at ` + file + `:1; `,
		},
		{
			what: "a name of --room", content: roomTables("fixed", "2"), want: kept,
			log: `level=ERROR msg="the rooms stay as they are" error="` + file + `:1: there is another room \"fixed\", at --room; `,
		},
		{
			what: "nothing", content: "", want: kept,
			log: `level=ERROR msg="the rooms stay as they are" error="` + file + `: there is no room in the file`,
		},
		{
			what: "limits of the log", content: roomTables("a", "2") + "replay = 1000000\n", want: kept,
			log: `level=ERROR msg="the rooms stay as they are" error="` + file + `:1: room \"a\": replay = 1000000 is too much `,
		},
		{
			what: "refused", content: roomTables("a", "2", "e", "5"), refuse: "e",
			want: map[string]string{"fixed": "0", "a": "2"}, did: "close b, close d, open e", warned: "e",
			log: `level=ERROR msg="a room could not be opened" room=e at=` + file + `:4 error=refused` + "\n",
		},
		{
			what: "refused again, and not counted", content: roomTables("a", "2", "e", "5"), refuse: "e",
			want: map[string]string{"fixed": "0", "a": "2"}, did: "open e", warned: "e",
			log: "rooms=2 opened=0 closed=0 changed=0",
		},
		{
			what: "tried again", content: roomTables("a", "2", "e", "5"),
			want: map[string]string{"fixed": "0", "a": "2", "e": "5"}, did: "open e", warned: "e",
			log: "opened=1 closed=0 changed=0",
		},
		{
			what: "kept for another time", content: roomTables("e", "5", "a", "2") + "retain = \"90d\"\n",
			want: map[string]string{"fixed": "0", "a": "2", "e": "5"}, did: "change a", log: "opened=0 closed=0 changed=1",
		},
	} {
		if err := os.WriteFile(file, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		server.refuse, server.did, warned = step.refuse, nil, nil
		log.Reset()
		err := r.Reload()
		if failed := strings.Contains(log.String(), "level=ERROR"); failed != (err != nil) {
			t.Errorf("%s: it returns %v, and the log is\n%s", step.what, err, &log)
		}
		if !maps.Equal(server.keys, step.want) {
			t.Errorf("%s: the rooms are %v, want %v", step.what, server.keys, step.want)
		}
		slices.Sort(warned)
		if got := strings.Join(server.did, ", "); got != step.did {
			t.Errorf("%s: %s; want %s", step.what, got, step.did)
		}
		if got := strings.Join(warned, " "); got != step.warned {
			t.Errorf("%s: warned of the keys of %q, want %q", step.what, got, step.warned)
		}
		if !strings.Contains(log.String(), step.log) {
			t.Errorf("%s: the log is\n%swant\n%s", step.what, &log, step.log)
		}
	}
}

// roomTables returns a file of rooms from names and keys.
func roomTables(namesAndKeys ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(namesAndKeys, 2) {
		fmt.Fprintf(&b, "[[room]]\nname = %q\nkey = %q\n", pair[0], pair[1])
	}
	return b.String()
}
