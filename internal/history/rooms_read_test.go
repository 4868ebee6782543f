package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// roomsFile writes a file with a large room, a small one and a silent one, and returns all
// messages. Some are removed, and some are not indexed.
func roomsFile(t testing.TB, large, small int) (path string, all []Message) {
	t.Helper()
	path = newFile(t)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.prepareRooms(t.Context(), "large", "small"); err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]int64)
	last := int64(0)
	for len(all) < large+small {
		var some []Message
		for range min(batchSize, large+small-len(all)) {
			n := len(all) + len(some)
			m := Message{Time: noon.Add(time.Duration(n) * time.Second), Room: "large", From: *alice}
			if numbers["small"]*int64(large+small) < int64(n)*int64(small) {
				m.Room, m.From = "small", *bob
			}
			numbers[m.Room]++
			m.Number = numbers[m.Room]
			copy(m.Wire[wire.NameSize:], fmt.Sprintf("%s tomorrow %d", []string{"lunch", "brunch", "soup"}[n%3], n/100))
			some = append(some, m)
		}
		if last, err = s.add(some, last); err != nil {
			t.Fatal(err)
		}
		for i := range some {
			some[i].Sequence = last - int64(len(some)-1-i)
		}
		all = append(all, some...)
	}
	third := int64(len(all) / 3)
	for _, statement := range []string{
		"DELETE FROM message WHERE sequence % 17 = 0",
		fmt.Sprintf("DELETE FROM search WHERE rowid BETWEEN %d AND %d", third, third+500),
		fmt.Sprintf("INSERT INTO unindexed VALUES (%d, %d)", third, third+500),
	} {
		if _, err := s.file.exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return path, slices.DeleteFunc(all, func(m Message) bool { return m.Sequence%17 == 0 })
}

// A filter for a room selects what one for all rooms does, of that room alone, whether the
// room is large or small.
func TestReadRoom(t *testing.T) {
	path, all := roomsFile(t, smallRoom+3000, 3000)
	r := openReader(t, path)
	if names, err := r.Rooms(t.Context()); err != nil || !slices.Equal(names, []string{"large", "small"}) {
		t.Errorf("the rooms are %q, %v", names, err)
	}
	middle := noon.Add(time.Duration(len(all)/2) * time.Second)
	for _, room := range []string{"large", "small", "none"} {
		for _, f := range []Filter{
			{},
			{Last: 7},
			{After: 100},
			{After: 100, Before: 200},
			{After: 1000, Last: 3},
			{Before: 1500, Last: 30},
			{Since: middle},
			{Since: middle, Last: 4, After: 1900},
			{Until: middle, Last: 40},
			{From: "bob", Last: 9},
			{After: afterAll},
			{Before: 1},
		} {
			f.Room = room
			for query, finds := range map[string]func(text string) bool{
				"":              func(string) bool { return true },
				"lunch":         func(text string) bool { return strings.Contains(text, "lunch") }, // and brunch
				`"lunch"`:       func(text string) bool { return strings.HasPrefix(text, "lunch") },
				`"tomorrow 77"`: func(text string) bool { return strings.HasSuffix(text, "tomorrow 77") },
				"nowhere":       func(string) bool { return false },
			} {
				var want, whole []int64 // whole: those with whole words
				for _, m := range all {
					if m.Room == room && m.Number > f.After && (f.Before == 0 || m.Number < f.Before) && !m.Time.Before(f.Since) &&
						(f.Until.IsZero() || m.Time.Before(f.Until)) && (f.From == "" || f.From == m.From.Name) && finds(string(m.Wire.Text())) {
						if want = append(want, m.Number); !strings.HasPrefix(string(m.Wire.Text()), "brunch") {
							whole = append(whole, m.Number)
						}
					}
				}
				if query == "lunch" && f.Last > 0 && len(whole) >= f.Last {
					want = whole // those with whole words come first
				}
				if f.Last > 0 {
					want = want[max(0, len(want)-f.Last):]
				}
				var got []int64
				if query == "" {
					for _, m := range collect(t, r, f) {
						got = append(got, m.Number)
					}
					if n, err := r.Count(t.Context(), f); err != nil || n != len(got) {
						t.Errorf("%+v: counts %d, %v; want %d", f, n, err, len(got))
					}
				} else {
					got = find(t, r, query, f)
				}
				if query == "lunch" && f.Last > 0 && len(whole) < f.Last {
					continue // which of the others are found, TestParts checks
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q with %+v: %d are found, want %d: %v, want %v", query, f, len(got), len(want), ends(got), ends(want))
				}
			}
		}
		stats, err := r.Stats(t.Context(), Filter{Room: room})
		n, countErr := r.Count(t.Context(), Filter{Room: room})
		if err != nil || countErr != nil || stats.Messages != n || len(stats.Rooms) > 0 {
			t.Errorf("%s: %d messages are counted, %v, %v; want %d", room, stats.Messages, err, countErr, n)
		}
	}
	stats, err := r.Stats(t.Context(), Filter{})
	if err != nil || len(stats.Rooms) != 2 || stats.Rooms[0].Name != "large" || stats.Rooms[0].Messages+stats.Rooms[1].Messages != len(all) {
		t.Errorf("%+v, %v", stats.Rooms, err)
	}
}

// ends returns the first and the last of some numbers.
func ends(all []int64) []int64 {
	if len(all) > 6 {
		return append(slices.Clone(all[:3]), all[len(all)-3:]...)
	}
	return all
}

// Prune removes the old messages of one room, and those of all.
func TestPruneRoom(t *testing.T) {
	path, all := roomsFile(t, 3000, 1500)
	middle := noon.Add(time.Duration(len(all)/2) * time.Second)
	count := func(f Filter) int64 {
		n, err := openReader(t, path).Count(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return int64(n)
	}
	old, other := count(Filter{Room: "small", Until: middle}), count(Filter{Room: "large"})
	if n, err := Prune(t.Context(), path, "small", middle, nil); n != old || err != nil {
		t.Errorf("%d are removed, %v; want %d", n, err, old)
	}
	if n := count(Filter{Room: "large"}); n != other || count(Filter{Room: "small", Until: middle}) != 0 {
		t.Errorf("%d are left in the other room, want %d", n, other)
	}
	const says = `has no room "kitchen"; its rooms are "large", "small"`
	if _, err := Prune(t.Context(), path, "kitchen", middle, nil); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("an unknown room is pruned: %v", err)
	}
	checkFile(t, path)
}

// What is read of a room is found by an index, and not by looking at what others said.
func TestRoomsAreIndexed(t *testing.T) {
	path, _ := roomsFile(t, 300, 100)
	r := openReader(t, path)
	for _, test := range []struct {
		filter Filter
		want   string
	}{
		{Filter{Room: "small", Last: 50}, "SEARCH m USING INDEX message_room_number (room=? AND number>?)"},
		{Filter{Room: "small", After: 3, Before: 9}, "SEARCH m USING INDEX message_room_number (room=? AND number>? AND number<?)"},
		{Filter{Last: 50}, "SEARCH m USING INTEGER PRIMARY KEY (rowid>?)"},
	} {
		query, args := r.file.query(test.filter)
		plan := planOf(t, r, query, args)
		inner := plan
		if test.filter.Last > 0 { // those are sorted that are shown
			inner = strings.ReplaceAll(plan, "USE TEMP B-TREE FOR ORDER BY", "")
			if strings.Count(plan, "USE TEMP B-TREE") > 1 {
				t.Errorf("%+v: more is sorted than is shown: %s", test.filter, plan)
			}
		}
		if !strings.Contains(inner, test.want) || strings.Contains(inner, "TEMP B-TREE") || strings.Contains(inner, "SCAN m") {
			t.Errorf("%+v is read like this: %s", test.filter, plan)
		}
	}
}

// planOf returns how SQLite answers a query.
func planOf(t *testing.T, r *Reader, query string, args []any) string {
	t.Helper()
	rows, err := r.file.conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}
