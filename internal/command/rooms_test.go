package command

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/rooms"
)

// roomsFile returns the path of a file of rooms.
func roomsFile(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rooms.toml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Rooms come from the command line or the environment, and from a file. Without KEY
// there are no others, and what they don't set is as the flags say.
func TestRooms(t *testing.T) {
	file := roomsFile(t, "[[room]]\nname = \"c\"\nkey = \"3\"\nmax-clients = 30\nreplay = 5\nretain = \"90d\"\n\n[[room]]\nname = \"d\"\nkey = \"4\"\n")
	at := func(source string, line int) rooms.Place { return rooms.Place{Source: source, Line: line} }
	c := rooms.Room{Name: "c", Key: "3", MaxClients: 30, Replay: 5, Retain: rooms.Retention{Age: 90 * 24 * time.Hour}, At: at(file, 1)}
	d := rooms.Room{Name: "d", Key: "4", MaxClients: 4, At: at(file, 8)}
	for _, test := range []struct {
		args        []string
		environment []string
		want        []rooms.Room
		key         string
	}{
		{args: []string{"9000", "key"}, key: "key"},
		{
			args: []string{"--room", "a=1=x", "--room", "b= 2 ", "9000"},
			want: []rooms.Room{
				{Name: "a", Key: "1=x", MaxClients: 4, At: at("--room", 0)},
				{Name: "b", Key: " 2 ", MaxClients: 4, At: at("--room", 0)},
			},
		},
		{
			args: []string{"--room=a=1", "9000", "key", "--max-clients", "7", "--replay", "20"},
			key:  "key",
			want: []rooms.Room{
				{Name: "main", Key: "key", MaxClients: 7, Replay: 20, At: at("KEY", 0)},
				{Name: "a", Key: "1", MaxClients: 7, Replay: 20, At: at("--room", 0)},
			},
		},
		{
			args:        []string{"9000"},
			environment: []string{"SOP_CHAT_ROOM=a=1\r\n\nb=2\n", "SOP_CHAT_KEY=key"},
			key:         "key",
			want: []rooms.Room{
				{Name: "main", Key: "key", MaxClients: 4, At: at("KEY", 0)},
				{Name: "a", Key: "1", MaxClients: 4, At: at("SOP_CHAT_ROOM", 0)},
				{Name: "b", Key: "2", MaxClients: 4, At: at("SOP_CHAT_ROOM", 0)},
			},
		},
		{
			args:        []string{"9000", "--room=a=1"},
			environment: []string{"SOP_CHAT_ROOM=b=2"},
			want:        []rooms.Room{{Name: "a", Key: "1", MaxClients: 4, At: at("--room", 0)}},
		},
		{args: []string{"9000", "--history", "h", "--rooms", file}, want: []rooms.Room{c, d}},
		{
			args:        []string{"9000", "--history", "h", "--room", "a=1"},
			environment: []string{"SOP_CHAT_ROOMS=" + file},
			want:        []rooms.Room{{Name: "a", Key: "1", MaxClients: 4, At: at("--room", 0)}, c, d},
		},
		{
			args: []string{"9000", "--allow-empty-key", "--room", "a="},
			want: []rooms.Room{{Name: "a", MaxClients: 4, At: at("--room", 0)}},
		},
	} {
		o := options(t, process(test.args, test.environment...))
		if !reflect.DeepEqual(o.rooms, test.want) || o.key != test.key {
			t.Errorf("%q %q: got\n%+v and the key %q, want\n%+v and %q", test.args, test.environment, o.rooms, o.key, test.want, test.key)
		}
	}
}

// A file of rooms that can't be used is an error with its name and line.
func TestWrongRoomsFile(t *testing.T) {
	const a = "[[room]]\nname = \"a\"\nkey = \"secret\"\n"
	for _, test := range []struct {
		args          []string
		content, want string // behind the name of the file
	}{
		{nil, a + "key-length = 3\n", `:4: there is no setting "key-length"; is "key" meant?`},
		{nil, a + "max-clients = 1000001\n", `:4: max-clients: "1000001" is not a whole number from 0 to 1000000`},
		{nil, a + "retain = \"90\"\n", `:4: retain: "90" is neither an age, such as 90d, nor a size from 1MB on, such as 10GB, nor both, such as 90d,10GB`},
		{nil, a + "retain = \"90d\"\n", `:1: room "a": retain removes messages from a history, so it needs --history`},
		{nil, "[[room]]\nname = \"a\"\nkey = \"\"\n", `:1: room "a": the key is empty, so everyone could join; --allow-empty-key permits that`},
		{[]string{"--room=a=b"}, a, `:1: there is another room "a", at --room; each needs a name of its own`},
		{
			[]string{"--room=b=secret"},
			a, `:1: room "a" has the same key as room "b", at --room; the key decides the room, so each needs its own`,
		},
		{
			[]string{"--backlog=64KiB"},
			a + "replay = 33\n", `:1: room "a": replay = 33 is too much for a --backlog of 64 KiB, of which a quarter can be replayed: 32 messages`,
		},
	} {
		file := roomsFile(t, test.content)
		status, _, stderr := result(t, process(append(test.args, "--rooms", file, "9000")))
		if want := "sop-chat: " + file + test.want + "\nTry 'sop-chat --help'.\n"; status != 2 || stderr != want {
			t.Errorf("%q: status %d\n%swant\n%s", test.content, status, stderr, want)
		}
	}
	status, _, stderr := result(t, process([]string{"--rooms", "/nowhere/rooms.toml", "9000"}))
	if status != 1 || !strings.Contains(stderr, "the file of rooms can't be read: open /nowhere/rooms.toml: no such file") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
