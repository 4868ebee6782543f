package history

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// retaining returns a room whose log retains the last ten messages.
func retaining(t *testing.T, path string, retain time.Duration) *room {
	r := newRoomOf(t, path, Config{Window: time.Millisecond, Retain: retain}, "main", RoomConfig{Kept: 10})
	r.log.Retain(10, 10)
	return r
}

// replayed returns how many messages are sent to a client that joins now.
func (r *room) replayed() int {
	c := r.log.JoinBack(func() {})
	defer c.Leave()
	return int(r.log.Head()-c.Position()) / wire.Size
}

// Messages that were removed from the file are not replayed any more, nor those
// before them. Those that were never in the file are replayed.
func TestRemovedIsNotReplayed(t *testing.T) {
	r := retaining(t, newFile(t), 0)
	for range 20 {
		r.say(alice, "alice", "hello", time.Now())
	}
	eventually(t, "all is kept", func() bool { return len(read(t, r.path, Filter{})) == 20 })
	if n := r.replayed(); n != 10 {
		t.Fatalf("%d are replayed, want 10", n)
	}
	for _, step := range []struct {
		statement string
		want      int
	}{
		{"DELETE FROM message WHERE sequence = 17", 3},
		{"DELETE FROM message WHERE sequence = 2", 3},
		{"UPDATE message SET address = '' WHERE sequence = 19", 3},
		{"DELETE FROM message", 0},
	} {
		execute(t, r.path, step.statement)
		eventually(t, step.statement, func() bool { return r.replayed() == step.want })
	}
	r.say(alice, "alice", "new", time.Now())
	if n := r.replayed(); n != 1 {
		t.Errorf("%d are replayed, want the new one", n)
	}
	r.finish()
}

// Old messages are not replayed, neither by the server that received them nor by
// the next, which reads them from the file.
func TestOldIsNotReplayed(t *testing.T) {
	r := retaining(t, newFile(t), time.Second)
	r.say(alice, "alice", "hello", time.Now())
	eventually(t, "it is removed", func() bool { return r.replayed() == 0 && len(read(t, r.path, Filter{})) == 0 })
	r.finish()
	for _, test := range []struct {
		retain time.Duration
		want   int
	}{{time.Hour, 2}, {3 * time.Hour, 3}, {0, 3}} {
		path := newFile(t)
		r := newRoom(t, path, Config{Window: time.Millisecond})
		for _, age := range []time.Duration{2 * time.Hour, time.Minute, 0} {
			r.say(alice, "alice", age.String(), time.Now().Add(-age))
		}
		r.finish()
		a, err := openRoom(path, Config{Retain: test.retain}, RoomConfig{Kept: 10})
		if err != nil {
			t.Fatal(err)
		}
		last, err := a.Last()
		if err != nil || len(last) != test.want {
			t.Errorf("with %v, %d are replayed, %v; want %d", test.retain, len(last), err, test.want)
		}
		a.Close()
	}
}
