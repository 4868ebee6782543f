package history

import (
	"fmt"
	"testing"
	"time"
)

// A file has a message of a room under its number, and with the very time at which it came.
func TestHasAt(t *testing.T) {
	path := newFile(t)
	for _, name := range []string{"main", "other"} {
		r := newRoomOf(t, path, Config{}, name, RoomConfig{})
		for i := range 3 {
			r.say(alice, "alice", fmt.Sprint(name, i), noon.Add(time.Duration(i)))
		}
		r.finish()
	}
	a, err := openRoom(path, Config{}, RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, test := range []struct {
		number uint64
		at     time.Time
		want   bool
	}{
		{1, noon, true},
		{3, noon.Add(2), true},
		{3, noon, false},
		{3, noon.Add(3), false},
		{4, noon.Add(2), false},
		{0, noon, false},
	} {
		if got := a.HasAt(test.number, test.at); got != test.want {
			t.Errorf("the message %d at %v: %v", test.number, test.at, got)
		}
	}
}
