package command

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/cluster"
	"sop-chat/internal/server"
)

// A fakeView is what is known of the members at other servers.
type fakeView struct {
	changed []string
	asked   []string
	members map[string][]cluster.ServerMembers
}

func (v *fakeView) Changes() []string {
	changed := v.changed
	v.changed = nil
	return changed
}

func (v *fakeView) Members(room string) []cluster.ServerMembers {
	v.asked = append(v.asked, room)
	return v.members[room]
}

// Rooms are told who is elsewhere when that has changed, and when they are opened, and not
// each second. The others are told what they need to know of the names and clients here.
func TestLookElsewhere(t *testing.T) {
	unique := server.RoomConfig{Name: "a", Key: "1", Relay: true, UniqueNames: func(name string) []string { return []string{strings.ToLower(name)} }}
	s := chattest.Start(t, server.Config{}, unique, server.RoomConfig{Name: "b", Key: "2", Relay: true})
	elsewhere := []cluster.ServerMembers{{Server: "two", Members: []cluster.Member{{ID: 7, Name: "Ann", NamedSince: time.Now()}}}}
	v := &fakeView{members: map[string][]cluster.ServerMembers{"a": elsewhere, "b": elsewhere, "c": elsewhere}}
	p := newPeers("one", s.Server, func() bool { return true }, nil, slog.New(slog.DiscardHandler))
	p.view = v
	look := func(want ...string) {
		t.Helper()
		v.asked = nil
		if p.lookElsewhere(t.Context()); !slices.Equal(v.asked, want) {
			t.Errorf("it was asked who is in %q, want %q", v.asked, want)
		}
	}
	look("a", "b")
	s.Guess(t, "ann", "1").ExpectEnd()
	s.JoinRoom(t, "ann", "2")
	look()
	v.changed, v.members["a"] = []string{"a", "gone"}, nil
	look("a")
	s.JoinRoom(t, "ann", "1")
	s.Close(s.Room("1"))
	unique.Key = "3"
	s.Open(t, unique)
	v.members["a"] = elsewhere
	look("a")
	s.Guess(t, "ann", "3").ExpectEnd()
	s.JoinRoom(t, "bob", "3")
	s.JoinRoom(t, "dan", "2")

	members, err := s.Members(t.Context(), server.Who{Room: s.Room("3")})
	if err != nil {
		t.Fatal(err)
	}
	told := p.byRoom(members, time.Now())["a"]
	if len(told) != 1 || told[0].Name != "bob" || time.Since(told[0].NamedSince) > chattest.Patience {
		t.Errorf("the others are told of %+v", told)
	}
	token := server.Member{Room: "a", Client: 5}
	if told := p.byRoom([]server.Member{token}, time.Now())["a"]; told[0].Client != 5 || !told[0].NamedSince.IsZero() {
		t.Errorf("the others are told of %+v", told)
	}
}
