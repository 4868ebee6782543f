package history

import (
	"fmt"
	"slices"
	"testing"
)

// sayings are the messages of testdata/form3.db by their numbers.
var sayings = map[int64]string{
	1: "alice: hello, is there lunch", 2: "alice: strasse und Straßenbahn", 4: "alice: changed lunch",
	5: "bob: no lunch 👍", 6: "bob: message 6", 7: "alice: message 7", 8: "alice: message 8", 9: "bob: changed lunch",
	10: "bob: message 10", 11: "bob: message 11 lunch",
}

// expectSayings checks that a file has the messages of testdata/form3.db, and finds them.
func expectSayings(t *testing.T, r *Reader) {
	t.Helper()
	got := make(map[int64]string)
	for _, m := range collect(t, r, Filter{Room: "main", Before: 13}) {
		if got[m.Number] = m.From.Name + ": " + string(m.Wire.Text()); m.Sequence != m.Number || m.Room != "main" {
			t.Errorf("message %d has the sequence %d in room %s", m.Number, m.Sequence, m.Room)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(sayings) {
		t.Errorf("got  %v\nwant %v", got, sayings)
	}
	for query, want := range map[string][]int64{"lunch": {1, 4, 5, 9, 11}, "strasse*": {2}, "👍": {5}, "itgc": nil, "unch": {1, 4, 5, 9, 11}} {
		if found := find(t, r, query, Filter{Room: "main", Before: 13}); !slices.Equal(found, want) {
			t.Errorf("%s is found in %v, want %v", query, found, want)
		}
	}
}

// find returns the numbers of the messages that a search finds.
func find(t testing.TB, r *Reader, query string, f Filter) (found []int64) {
	t.Helper()
	hits, err := r.Search(t.Context(), query, f)
	if err != nil {
		t.Fatal(err)
	}
	for h, err := range hits {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, h.Number)
	}
	return found
}

// A file of form 3 is read as it is. A server goes on in it with its numbers and its
// epochs, indexes the rest, and may have more rooms in it.
func TestMigrateFormThree(t *testing.T) {
	for _, rooms := range [][]string{{"main"}, {"lounge", "main"}, {"main", "lounge"}} {
		t.Run(fmt.Sprint(rooms), func(t *testing.T) {
			path := newFile(t)
			copyFile(t, "testdata/form3.db", path)
			foreign, err := OpenForeign(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			expectSayings(t, foreign)
			if names, err := foreign.Rooms(t.Context()); err != nil || !slices.Equal(names, []string{"main"}) {
				t.Errorf("the rooms are %q, %v", names, err)
			}
			foreign.Close()
			first := openRooms(t, path, rooms...)
			for _, name := range rooms {
				r := first.rooms[name]
				epochs := []int64{-9212019141362294509, -809100801510807938, 8304036139139967273, 3895559494857637361}
				next, known := uint64(1), []uint64{0, 0, 0, 0}
				if name == "main" {
					next, known = 13, []uint64{6, 8, 8, 12}
				}
				for i, epoch := range epochs {
					if got := r.Epochs().Known(uint64(epoch), 1000); got != known[i] {
						t.Errorf("up to %d is known of epoch %d in %s, want %d", got, i, name, known[i])
					}
				}
				if r.Next() != next {
					t.Errorf("%d is next in %s, want %d", r.Next(), name, next)
				}
				if err := first.writeTo(r, said(name+" goes on")); err != nil {
					t.Fatal(err)
				}
			}
			reader := openReader(t, path)
			expectSayings(t, reader)
			if n, err := first.store.file.indexSome(); n != 2 || err != nil {
				t.Errorf("%d are indexed, %v; want 2", n, err)
			}
			expectSayings(t, reader)
			for _, name := range rooms {
				found := find(t, reader, "goes", Filter{Room: name})
				if want := map[string]int64{"main": 13, "lounge": 1}[name]; !slices.Equal(found, []int64{want}) {
					t.Errorf("what was said in %s has the numbers %v, want %d", name, found, want)
				}
			}
			// Making the index takes time and space, so a file with one room has none.
			var indexes int
			err = first.store.file.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'message_room_number'").Scan(&indexes)
			if want := len(rooms) - 1; err != nil || indexes != want {
				t.Errorf("the file has %d indexes of numbers, %v; want %d", indexes, err, want)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			checkFile(t, path)
			again := openRooms(t, path, rooms...)
			if next := again.rooms["main"].Next(); next != 14 {
				t.Errorf("%d is next, want 14", next)
			}
			if got := again.rooms["main"].Epochs().Known(first.starts.current(), 1000); got != 13 {
				t.Errorf("up to %d is known of the epoch before, want 13", got)
			}
			again.Close()
		})
	}
}
