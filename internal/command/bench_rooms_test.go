package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The keys of rooms follow from a number and the key, or are in the server's file.
func TestBenchRooms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rooms.toml")
	const content = "[[room]]\nname = \"maths\"\nkey = \"one\"\nmax-clients = 5\n[[room]]\nname = \"music\"\nkey = \"two\"\nretain = \"90d\"\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args, environment []string
		want              []string
	}{
		{nil, []string{"SOP_CHAT_KEY=pw-%d"}, nil},
		{[]string{"--rooms", "3"}, []string{"SOP_CHAT_KEY=pw-%d"}, []string{"pw-1", "pw-2", "pw-3"}},
		{[]string{"--rooms", "2"}, []string{"SOP_CHAT_KEY=%d and %d"}, []string{"1 and 1", "2 and 2"}},
		{[]string{"--rooms", file}, nil, []string{"one", "two"}},
		{nil, []string{"SOP_CHAT_ROOMS=" + file}, []string{"one", "two"}},
	} {
		p := process(append(test.args, "localhost:9000"), test.environment...)
		got := benchOptionsOf(t, p)
		if config := got.config(); !slices.Equal(got.keys, test.want) || len(config.Rooms) != len(test.want) {
			t.Errorf("%q: the keys are %q, of %d rooms, want %q", test.args, got.keys, len(config.Rooms), test.want)
		}
		for i, key := range test.want {
			if hello := string(got.config().Rooms[i]("alice", true)); !strings.Contains(hello, key+"\x00") {
				t.Errorf("%q: in room %d a client says %q", test.args, i+1, hello)
			}
		}
	}
}

// Rooms without keys, or too many for the clients, are refused.
func TestBenchRoomsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "rooms.toml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rooms, key, want string
	}{
		{"3", "key", "with --rooms 3 the key needs a %d"},
		{"3", "", "the key is missing"},
		{"0", "key %d", "1 to 1000000"},
		{"200", "key %d", "100 clients are too few for 200 rooms"},
		{"95", "key %d", "100 clients are too few for 95 rooms: in a room with a sender there must be another client"},
		{"9", "%d" + strings.Repeat("x", 448), "at most 448"},
		{empty, "", empty + ": there is no room in the file"},
		{empty, "key", "leave --key-file and SOP_CHAT_KEY out"},
		{filepath.Join(t.TempDir(), "none"), "", "the file of rooms can't be read"},
	} {
		p := process([]string{"--rooms", test.rooms, "localhost:9000"}, "SOP_CHAT_KEY="+test.key)
		cmd := newBench(p, nil)
		cmd.SetArgs(p.Args)
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("--rooms %s with the key %.20q: %v; want %q", test.rooms, test.key, err, test.want)
		}
	}
}
