package rooms

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testRules are like those of the flags.
var testRules = Rules{
	Default: Room{MaxClients: 4},
	MaxClients: func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1000 {
			return 0, fmt.Errorf("%q is not a whole number from 0 to 1000", text)
		}
		return n, nil
	},
	Replay: strconv.Atoi,
	Retain: func(text string) (Retention, error) {
		if text == "" {
			return Retention{}, nil
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return Retention{}, fmt.Errorf("%q is not an age", text)
		}
		return Retention{Age: d}, nil
	},
	Rate: func(text string) (Rate, error) {
		if text == "" {
			return Rate{}, nil
		}
		n, err := strconv.Atoi(strings.TrimSuffix(text, "/s"))
		if err != nil {
			return Rate{}, fmt.Errorf("%q is not a rate", text)
		}
		return Rate{n, time.Second}, nil
	},
	RateBurst: strconv.Atoi,
}

// A room has what its table says, and else what is the default.
func TestParse(t *testing.T) {
	const file = `# the rooms of a school
[[room]]
name = "class 3a" # a comment
key = "correct horse battery staple"

[[ "room" ]]
key = """
two
lines"""
"name" = 'żółw'
max-clients = 1_00
replay = 0x14
retain = "36h"
rate = "5/s"
rate-burst = 20
verify-names = true
unique-names = true
announce = true
disconnect-on-key-change = true

[[room]]
name = "c"
key = "\u0041 \"quoted\" = # key"
verify-names = false
max-clients = 0
retain = ""
disconnect-on-key-change = false
`
	want := []Room{
		{Name: "class 3a", Key: "correct horse battery staple", MaxClients: 4, At: Place{Source: "rooms.toml", Line: 2}},
		{
			Name: "żółw", Key: "two\nlines", MaxClients: 100, Replay: 20, Retain: Retention{Age: 36 * time.Hour},
			Rate: Rate{5, time.Second}, RateBurst: 20,
			VerifyNames: true, UniqueNames: true, Announce: true, DisconnectOnKeyChange: true, At: Place{Source: "rooms.toml", Line: 6},
		},
		{Name: "c", Key: `A "quoted" = # key`, At: Place{Source: "rooms.toml", Line: 21}},
	}
	for what, content := range map[string]string{
		"as it is":                file,
		"with line ends of DOS":   strings.ReplaceAll(file, "\n", "\r\n"),
		"without a last line end": strings.TrimSpace(file),
		"with a byte order mark":  "\ufeff" + file,
	} {
		got, err := Parse("rooms.toml", []byte(content), testRules)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got[1].Key = strings.ReplaceAll(got[1].Key, "\r", "")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", what, got, want)
		}
	}
}

// An error begins with file and line, says what is wrong and with which value, and does
// not repeat a key.
func TestParseRefuses(t *testing.T) {
	const a = "[[room]]\nname = \"a\"\nkey = \"secret\"\n" // 3 lines
	for _, test := range []struct{ content, want string }{
		{"", "f: there is no room in the file; each begins with a line [[room]]"},
		{"# [[room]]\n", "f: there is no room in the file; each begins with a line [[room]]"},
		{"name = \"a\"\n" + a, `f:1: "name" stands before the first room; each room begins with a line [[room]]`},
		{a + "[[rooms]]\n", `f:4: there is no table "rooms" in a file of rooms; each room begins with a line [[room]]`},
		{"\n[room]\nname = \"a\"\n", `f:2: there is no table "room" in a file of rooms; each room begins with a line [[room]]`},
		{"\n\n[room.a]\nkey = \"secret\"\n", `f:3: there is no table "room.a" in a file of rooms; each room begins with a line [[room]]`},
		{a + "[room.limits]\n", `f:4: there is no table "room.limits" in a file of rooms; each room begins with a line [[room]]`},
		{"room = [{name = \"a\"}]\n", `f:1: "room" stands before the first room; each room begins with a line [[room]]`},

		{a + "[[room]]\nkey = \"b\"\n", `f:4: the room has no name; it needs a line such as name = "class 3a"`},
		{"[[room]]\nname = \"b\"\n" + a, `f:1: room "b" has no key; it needs a line key = "…", with a key of its own`},
		{a + "max_clients = 3", `f:4: there is no setting "max_clients"; is "max-clients" meant?`},
		{a + "MaxClients = 3", `f:4: there is no setting "MaxClients"; is "max-clients" meant?`},
		{a + "clients = 3", `f:4: there is no setting "clients"; is "max-clients" meant?`},
		{a + "retention = 3", `f:4: there is no setting "retention"; is "retain" meant?`},
		{a + "kye = \"secret\"", `f:4: there is no setting "kye"; is "key" meant?`},
		{a + "disconnect = true", `f:4: there is no setting "disconnect"; is "disconnect-on-key-change" meant?`},
		{a + "key-file = \"k\"", `f:4: there is no setting "key-file"; is "key" meant?`},
		{
			a + "x.y = 1",
			`f:4: there is no setting "x.y"; a room has name, key, max-clients, replay, retain, rate, rate-burst, verify-names, unique-names, announce and disconnect-on-key-change`,
		},

		{"[[room]]\nname = 3", `f:2: name: the value must be a text in quotes`},
		{"[[room]]\nname = \"a=b\"", `f:2: name: the name of the room, "a=b", has a '=', which ends a name in NAME=KEY`},
		{"[[room]]\nkey = 12345", `f:2: key: the value must be a text in quotes`},
		{"[[room]]\nkey = [\"secret\"]", `f:2: key: the value must be a text in quotes`},
		{"[[room]]\nkey = \"" + strings.Repeat("k", 449) + "\"", `f:2: key: the key is 449 bytes long; at most 448 fit`},
		{"[[room]]\nkey = \"secret\\u0000\"", `f:2: key: the key has a zero byte at position 6, which would end it there`},
		{a + "max-clients = 1001", `f:4: max-clients: "1001" is not a whole number from 0 to 1000`},
		{a + "max-clients = -1", `f:4: max-clients: "-1" is not a whole number from 0 to 1000`},
		{a + "max-clients = \"4\"", `f:4: max-clients: the value must be a whole number, without quotes`},
		{a + "replay = 1.5", `f:4: replay: the value must be a whole number, without quotes`},
		{a + "retain = 90", `f:4: retain: the value must be a text in quotes`},
		{a + "retain = \"soon\"", `f:4: retain: "soon" is not an age`},
		{a + "rate = 5", `f:4: rate: the value must be a text in quotes`},
		{a + "rate = \"often\"", `f:4: rate: "often" is not a rate`},
		{a + "rate-burst = \"20\"", `f:4: rate-burst: the value must be a whole number, without quotes`},
		{a + "rate-limit = \"5/s\"", `f:4: there is no setting "rate-limit"; is "rate" meant?`},
		{a + "unique-names = 1", `f:4: unique-names: the value must be true or false, without quotes`},
		{a + "disconnect-on-key-change = \"true\"", `f:4: disconnect-on-key-change: the value must be true or false, without quotes`},

		{a + "key = \"other\"", `f:4: column 1: key is already defined`},
		{"[[room]]\nkey = secret\n", "f:2: column 7: "},
		{"[[room]]\nkey = \"secret\n", "f:2: column 14: "},
		{"[[room]]\nsecret\n", "f:2: column 7: expected '=' after key"},
		{a + "[[room\n", "f:4: column 7: "},
		{a + "max-clients = 007", "f:4: column 15: "},
		{"[[room]]\nname = \"\xff\"\n", "f:2: column 9: "},
	} {
		rooms, err := Parse("f", []byte(test.content), testRules)
		if err == nil {
			t.Errorf("%q is read as %+v", test.content, rooms)
			continue
		}
		if got := err.Error(); got != test.want && !(strings.HasSuffix(test.want, ": ") && strings.HasPrefix(got, test.want)) {
			t.Errorf("%q:\n%s\nwant\n%s", test.content, got, test.want)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats the key: %v", test.content, err)
		}
	}
}

// Rooms of one server differ in names and keys; else the error has both places.
func TestCheck(t *testing.T) {
	room := func(name, key string, at Place) Room { return Room{Name: name, Key: key, At: at} }
	first := room("a", "secret", Place{Source: "f", Line: 1})
	flag := room("b", "other", Place{Source: "--room", Line: 0})
	for _, test := range []struct {
		rooms      []Room
		allowEmpty bool
		want       string
	}{
		{rooms: []Room{first, flag}},
		{rooms: []Room{first, room("c", "", Place{Source: "f", Line: 5})}, allowEmpty: true},
		{
			rooms: []Room{first, flag, room("a", "third", Place{Source: "f", Line: 9})},
			want:  `f:9: there is another room "a", at f:1; each needs a name of its own`,
		},
		{
			rooms: []Room{flag, room("b", "third", Place{Source: "f", Line: 9})},
			want:  `f:9: there is another room "b", at --room; each needs a name of its own`,
		},
		{
			rooms: []Room{flag, first, room("c", "secret", Place{Source: "f", Line: 9})},
			want:  `f:9: room "c" has the same key as room "a", at f:1; the key decides the room, so each needs its own`,
		},
		{
			rooms: []Room{room("c", "", Place{Source: "f", Line: 5})},
			want:  `f:5: room "c": the key is empty, so everyone could join; --allow-empty-key permits that`,
		},
		{
			rooms:      []Room{room("c", "", Place{Source: "f", Line: 5}), room("d", "", Place{Source: "f", Line: 7})},
			allowEmpty: true,
			want:       `f:7: room "d" has the same key as room "c", at f:5; the key decides the room, so each needs its own`,
		},
		{rooms: []Room{room("", "key", Place{Source: "--room", Line: 0})}, want: "--room: the name of the room is empty"},
		{rooms: []Room{room("a", "secret\x00", Place{Source: "--room", Line: 0})}, want: `--room: room "a": the key has a zero byte at position 6, which would end it there`},
	} {
		switch err := Check(test.rooms, test.allowEmpty); {
		case err == nil && test.want != "":
			t.Errorf("%+v pass; want %s", test.rooms, test.want)
		case err != nil && err.Error() != test.want:
			t.Errorf("%+v:\n%v\nwant\n%s", test.rooms, err, test.want)
		}
	}
}

// Read reads a file, and says which one it can't read.
func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rooms.toml")
	if _, err := Read(name, testRules); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
	if err := os.WriteFile(name, manyRooms(3), 0o600); err != nil {
		t.Fatal(err)
	}
	if rooms, err := Read(name, testRules); len(rooms) != 3 || err != nil {
		t.Errorf("%+v, %v", rooms, err)
	}
	if _, err := Read("/dev/zero", testRules); err == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Error(err)
	}
}

// manyRooms returns a file of n rooms.
func manyRooms(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "[[room]]\nname = \"room %d\"\nkey = \"key of room %d\"\nmax-clients = 40\nreplay = 20\n\n", i, i)
	}
	return b.Bytes()
}

// No input makes the parser panic; what it reads is as it says.
func FuzzParse(f *testing.F) {
	f.Add([]byte("[[room]]\nname = \"a\"\nkey = \"b\"\nmax-clients = 3\nretain = \"2h\"\n[[room]]\nkey = 'x'\nname = 'y'\n"))
	f.Add([]byte("room.x = {a = [1, 2], b.c = 1979-05-27}\r\n[a.b]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		rooms, err := Parse("f", content, testRules)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%q: the error does not begin with the file: %v", content, err)
			}
			return
		}
		last := 0
		for _, room := range rooms {
			if room.At.Line <= last || room.At.Line > bytes.Count(content, []byte("\n"))+1 {
				t.Errorf("%q: a room is at line %d, after line %d", content, room.At.Line, last)
			}
			last = room.At.Line
		}
		if err := Check(rooms, true); err != nil && !strings.Contains(err.Error(), "another room") && !strings.Contains(err.Error(), "the same key") {
			t.Errorf("%q: %v", content, err)
		}
	})
}

// 10,000 rooms are read and checked in a fraction of a second.
func BenchmarkRead(b *testing.B) {
	content := manyRooms(10_000)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		rooms, err := Parse("f", content, testRules)
		if err == nil {
			err = Check(rooms, false)
		}
		if err != nil || len(rooms) != 10_000 {
			b.Fatal(len(rooms), err)
		}
	}
}
