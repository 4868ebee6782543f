package rooms

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Rooms are opened, removed and changed as the sets say; one that only moved in its file
// is neither.
func TestCompare(t *testing.T) {
	old := []Room{
		{Name: "same", Key: "1", At: Place{Source: "f", Line: 1}},
		{Name: "gone", Key: "2"},
		{Name: "key", Key: "3"},
		{Name: "limit", Key: "4", MaxClients: 4},
		{Name: "disconnects", Key: "5"},
	}
	next := []Room{
		{Name: "new", Key: "2"},
		{Name: "key", Key: "33"},
		{Name: "limit", Key: "4", MaxClients: 5, DisconnectOnKeyChange: true},
		{Name: "disconnects", Key: "55", DisconnectOnKeyChange: true},
		{Name: "same", Key: "1", At: Place{Source: "f", Line: 17}},
	}
	want := Difference{
		Removed: []Room{old[1]},
		Changed: []Change{{old[2], next[1]}, {old[3], next[2]}, {old[4], next[3]}},
		Opened:  []Room{next[0]},
	}
	if got := Compare(old, next); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	for i, disconnects := range []bool{false, false, true} {
		if c := want.Changed[i]; c.Disconnects() != disconnects {
			t.Errorf("%+v disconnects: %v", c, !disconnects)
		}
	}
	if !Compare(old, old).IsEmpty() {
		t.Error("a set differs from itself")
	}
}

// Whatever two sets are, done in order their difference makes one the other, and at no
// step two rooms have the same key.
func TestCompareProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, next := drawRooms(t, "old"), drawRooms(t, "next")
		d := Compare(old, next)
		got := make(map[string]Room)
		free := func(key, except string) {
			for _, room := range got {
				if room.Key == key && room.Name != except {
					t.Fatalf("room %q still has the key %q\n%+v", room.Name, key, d)
				}
			}
		}
		for _, room := range old {
			got[room.Name] = room
		}
		for _, room := range d.Removed {
			delete(got, room.Name)
		}
		for _, c := range d.Changed {
			if got[c.From.Name] != c.From || c.To.Name != c.From.Name {
				t.Fatalf("%+v is changed, but the room is %+v", c, got[c.From.Name])
			}
			free(c.To.Key, c.To.Name)
			got[c.To.Name] = c.To
			if c.Disconnects() && !byName(next)[c.To.Name].DisconnectOnKeyChange {
				t.Fatalf("%+v disconnects, and the file does not say so", c)
			}
		}
		for _, room := range d.Opened {
			if _, there := got[room.Name]; there {
				t.Fatalf("%+v is opened and there already", room)
			}
			free(room.Key, "")
			got[room.Name] = room
		}
		if !reflect.DeepEqual(got, byName(next)) {
			t.Fatalf("from\n%+v\nto\n%+v\nthe difference\n%+v\nleads to\n%+v", old, next, d, got)
		}
	})
}

// drawRooms returns a few rooms with names and keys of a few each, none of them twice.
func drawRooms(t *rapid.T, label string) []Room {
	const names = 6
	var keys []string
	for i := range names + 1 {
		keys = append(keys, strconv.Itoa(i))
	}
	keys = rapid.Permutation(keys).Draw(t, label+": keys")
	var rooms []Room
	for i := range names {
		if rapid.IntRange(0, 3).Draw(t, label+": is there") > 0 {
			rooms = append(rooms, Room{
				Name: string(rune('a' + i)), Key: keys[i],
				MaxClients:            rapid.IntRange(1, 2).Draw(t, label+": clients"),
				DisconnectOnKeyChange: rapid.IntRange(0, 9).Draw(t, label+": disconnects") == 0,
			})
		}
	}
	slices.Reverse(rooms)
	return rooms
}
