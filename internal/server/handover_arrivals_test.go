//go:build linux

package server

import (
	"slices"
	"testing"
	"time"

	"sop-chat/internal/handover"
	"sop-chat/internal/wire"
)

// Clients that a hand-over has disconnected are announced to have left if they are not back
// in time, and then alone. What was to be announced before still is.
func TestAnnounceAfterHandover(t *testing.T) {
	f := newFanOut(t, 0, raw)
	s, pool := newSpeaker("server"), newPool(nil)
	open := func(announces bool) *Room {
		room := newRoom(RoomConfig{Backlog: 1 << 20, Announce: announces}, 1, pool)
		t.Cleanup(room.log.Close)
		room.speaker = s
		return room
	}
	room, silent := open(true), open(false)
	saved := &handover.Arrivals{Joined: 1, Names: []handover.Arrival{{Name: []byte("eve\xff")}}, Away: [][]byte{[]byte("alice"), []byte("bob"), []byte("bob")}}
	room.restoreArrivals(saved)
	silent.restoreArrivals(saved)
	again := room.saveArrivals() // as if another upgrade came at once
	slices.SortFunc(again.Away, slices.Compare)
	if again.Joined != 1 || len(again.Names) != 1 || string(again.Names[0].Name) != "eve\xff" || len(again.Away) != 3 || string(again.Away[2]) != "bob" {
		t.Errorf("it is saved as %+v", again)
	}
	if got := silent.saveArrivals(); got != nil {
		t.Errorf("a room that announces nothing has %+v", got)
	}
	f.loop.useSpeaker(s)
	reader := room.log.Join(func() {})
	defer reader.Leave()
	at := reader.Position()
	for i, step := range []struct {
		pass time.Duration
		note *arrival
		want string
	}{
		{0, nil, `"eve\xff" joined`},
		{2 * time.Second, &arrival{"alice", false}, ""},
		{time.Second, &arrival{"carol", false}, `"carol" joined`},
		{returnGrace - 4*time.Second, nil, ""},
		{time.Second, nil, `"bob" and "bob" left`},
		{2 * time.Second, &arrival{"bob", false}, `"bob" joined`},
		{2 * returnGrace, nil, ""},
	} {
		if step.note != nil {
			room.note(step.note.name, step.note.left)
		}
		f.loop.update(f.loop.now.Add(step.pass), time.Time{})
		f.loop.speak()
		f.loop.speak() // a room that gives up is announced in the next wake-up
		said := ""
		stretches, end := room.log.Gather(make([][]byte, 0, 8), at, room.log.Head(), nil)
		for _, stretch := range stretches {
			for ; len(stretch) > 0; stretch = stretch[wire.Size:] {
				said += string((*wire.Message)(stretch).Text())
			}
		}
		if at = end; said != step.want {
			t.Errorf("step %d: %q is said, want %q", i, said, step.want)
		}
	}
}
