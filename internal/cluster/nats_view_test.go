package cluster

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A testTeller is a server that puts pieces into a bucket.
type testTeller struct {
	division
	rooms map[string][]Member
}

func newTestTeller() *testTeller { return &testTeller{division: division{seed: maphash.MakeSeed()}} }

// A testPut is a piece that was put.
type testPut struct {
	number int
	text   []byte
}

func (s *testTeller) tell(t rapid.TB, now time.Time) (puts []testPut) {
	texts, err := s.cut(s.rooms, now)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if len(text) > 3*pieceSize {
			t.Fatalf("a piece has %d bytes", len(text))
		}
		if s.isDue(i, text, now) {
			s.put(i, text, now)
			puts = append(puts, testPut{i, text})
		}
	}
	return puts
}

// Whatever a server has, others know it when all pieces have come, in the order in which they
// were put; also when it was restarted, and its clock set back. That of one member is put alone.
// The changes that are asked for are those since they were asked for before.
func TestMembersPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_000_000)
		v, s := newView(now), newTestTeller()
		known := make(map[string][]Member) // as somebody knows them that asks for changes
		var lastID uint64
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			now = now.Add(time.Second)
			s.rooms = maps.Clone(s.rooms)
			if s.rooms == nil {
				s.rooms = make(map[string][]Member)
			}
			change := rapid.SampledFrom([]string{"one", "one", "many", "few", "none", "restart"}).Draw(t, "change")
			room := fmt.Sprint("r\xff", rapid.IntRange(0, 2).Draw(t, "room"))
			n := map[string]int{"one": 1, "many": 1500}[change]
			s.rooms[room] = slices.Clone(s.rooms[room])
			for range n {
				lastID++
				s.rooms[room] = append(s.rooms[room], Member{ID: lastID, Name: fmt.Sprint("n\xfe", lastID), Since: now, Client: lastID % 2})
			}
			former := len(s.told)
			switch change {
			case "few":
				s.rooms[room] = slices.DeleteFunc(s.rooms[room], func(m Member) bool { return m.ID%50 != 0 })
			case "none":
				delete(s.rooms, room)
			case "restart":
				start := s.start
				s.division = newTestTeller().division
				s.start = start // from the bucket
				now = now.Add(-time.Hour)
			}
			puts := s.tell(t, now)
			if change == "one" && former == len(s.told) && len(puts) != 1 {
				t.Fatalf("%d pieces are put for one member", len(puts))
			}
			v.hearOwn(now)
			for _, p := range puts {
				v.take("s", p.number, p.text, now)
				v.take("s", p.number, []byte("{}"), now)
			}
			for _, room := range v.changes(now) {
				delete(known, room)
				for _, s := range v.members(room, now) {
					known[room] = s.Members
				}
			}
			for i := range 3 {
				room := fmt.Sprint("r\xff", i)
				var got []Member
				for _, s := range v.members(room, now) {
					got = append(got, s.Members...)
				}
				if !slices.EqualFunc(got, s.rooms[room], Member.isSame) || v.count(room, now) != len(got) {
					t.Fatalf("%d of %d members are known", len(got), len(s.rooms[room]))
				}
				if !slices.EqualFunc(got, known[room], Member.isSame) {
					t.Fatalf("%d of %d members are known by the changes", len(known[room]), len(got))
				}
			}
		}
	})
}

// What is no piece changes nothing.
func FuzzMembersPiece(f *testing.F) {
	f.Add(0, []byte(`{"start":1,"of":1,"rooms":[{"room":"YQ==","members":[{"id":1,"name":"YQ==","client":18446744073709551615}]}]}`))
	f.Fuzz(func(t *testing.T, number int, text []byte) {
		v := newView(time.Now())
		v.take("s", number, text, time.Now())
		v.take("s", number, text, time.Now())
		v.members("a", time.Now())
		v.changes(time.Now())
	})
}

// A server that is silent does not count, until it is heard again. One that hears itself no more
// is cut off: then the others count for some time, and when it is back they have time to be heard.
func TestViewSilence(t *testing.T) {
	at := func(second int) time.Time { return time.UnixMilli(1_000_000).Add(time.Duration(second) * time.Second) }
	v, s := newView(at(0)), newTestTeller()
	s.rooms = map[string][]Member{"room": {{ID: 1}, {ID: 2}}, "empty": nil}
	tell := func(second int) {
		s.forget()
		for _, p := range s.tell(t, at(second)) {
			v.take("s", p.number, p.text, at(second))
		}
	}
	tell(0)
	v.changes(at(0))
	type span struct{ from, to int } // the last second is one of it
	in := func(second int, spans ...span) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return s.from <= second && second <= s.to })
	}
	counted := true
	for second := 1; second <= 120; second++ {
		now := at(second)
		if isLeft := second == 106; isLeft || in(second, span{10, 20}, span{31, 40}, span{93, 105}, span{110, 110}) {
			if isNew := v.hear("s", !isLeft, now); isNew != (!isLeft && !counted) {
				t.Errorf("after %d s it is new: %v", second, isNew)
			}
		}
		if in(second, span{1, 40}, span{81, 120}) {
			v.hearOwn(now)
		}
		if second == 29 {
			tell(second) // what NATS has kept says nothing of whether it is there
		}
		want := in(second,
			span{1, 5},    // it is known, and not heard
			span{10, 25},  // it is heard, and then for 6 s not
			span{31, 69},  // it is heard, and then nothing is for 30 s
			span{81, 86},  // this server is back, and has yet to hear it
			span{93, 105}, // it is heard, and leaves
			span{110, 115})
		changes := v.changes(now)
		if got := v.count("room", now) == 2; got != want || len(v.members("room", now)) > 0 != want {
			t.Errorf("after %d s it counts: %v, want %v", second, got, want)
		}
		if hasChanged := slices.Equal(changes, []string{"room"}); hasChanged != (counted != want) {
			t.Errorf("after %d s %q have changed, it counted: %v, and does: %v", second, changes, counted, want)
		}
		counted = want
	}
	for second := 121; second <= 121+int(membersKept/time.Second); second++ {
		v.hearOwn(at(second))
	}
	if len(v.servers) > 0 {
		t.Error("a server is kept that has been gone for long")
	}
}
