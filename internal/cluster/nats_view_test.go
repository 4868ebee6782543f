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
// Who asks for the changes knows what has changed.
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
	at := time.UnixMilli(1_000_000)
	v, s := newView(at), newTestTeller()
	s.rooms = map[string][]Member{"room": {{ID: 1}, {ID: 2}}, "empty": nil}
	for _, p := range s.tell(t, at) {
		v.take("s", p.number, p.text, at)
	}
	isThere := true
	v.changes(at)
	for _, test := range []struct {
		after          float64 // seconds
		own, s, isLeft bool    // who is heard
		want           bool    // s counts
	}{
		{after: 2, own: true, want: true},
		{after: 6.9, own: true, want: true},
		{after: 7, own: true}, // it was never heard
		{after: 8, own: true},
		{after: 9, own: true, s: true, want: true},
		{after: 15, own: true, want: true},
		{after: 17, own: true},
		{after: 18, own: true, s: true, want: true},
		{after: 44, s: false, want: true}, // cut off for 26 s
		{after: 47.9, want: true},
		{after: 48}, // for 30 s
		{after: 60, own: true, want: true},
		{after: 66, own: true, want: true},
		{after: 67, own: true}, // time to be heard is over
		{after: 68, own: true, s: true, want: true},
		{after: 74, own: true, s: true, want: true},
		{after: 75, own: true, isLeft: true},
		{after: 76, own: true, isLeft: true},
		{after: 77, own: true, s: true, want: true},
		{after: 83, own: true, want: true},
		{after: 90, own: true, want: true}, // 7 s without hearing itself: the break begins anew
		{after: 96, own: true, want: true},
		{after: 97, own: true},
		{after: 98 + membersKept.Seconds(), own: true},
		{after: 99 + membersKept.Seconds(), own: true, s: true}, // it is there, and all that it had is forgotten
	} {
		now := at.Add(time.Duration(test.after * float64(time.Second)))
		if test.s || test.isLeft {
			v.hear("s", test.s, now)
		}
		if test.own {
			v.hearOwn(now)
		}
		changes := v.changes(now)
		if got := v.count("room", now) == 2; got != test.want || len(v.members("room", now)) > 0 != test.want {
			t.Errorf("after %v s it counts: %v, want %v", test.after, got, test.want)
		}
		if hasChanged := slices.Equal(changes, []string{"room"}); hasChanged != (isThere != test.want) {
			t.Errorf("after %v s %q have changed, counted %v, %v", test.after, changes, isThere, test.want)
		}
		isThere = test.want
	}
	if got := v.names(at.Add(100*time.Second + membersKept)); !slices.Equal(got, []string{"s"}) {
		t.Errorf("there are %q", got)
	}
}
