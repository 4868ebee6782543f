package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
)

// A losingServer is a server whose stream loses messages that it has delivered.
type losingServer struct {
	*core
	t      *testing.T
	name   string
	room   *room
	sink   *fakeRoom
	starts int
	broken bool              // it has to begin anew
	given  map[string]uint64 // the numbers of messages
	last   uint64            // the greatest
}

// begin has the server begin, with what the link before had.
func (s *losingServer) begin(t *rapid.T, m *model, replay uint64) {
	had := uint64(0)
	if s.room != nil {
		had = s.room.at.number
	}
	s.starts++
	s.core = newCore("chat", s.name, instance{s.name[0], byte(s.starts), byte(s.starts >> 8)}, func(err error) {})
	s.now, s.broken = noon, false
	ctx := context.Background()
	none := func(context.Context) error { return nil }
	if err := claim(ctx, m, claimSubject(s.prefix, s.server), s.instance, none); err != nil {
		t.Fatal(err)
	}
	s.position, s.ownSince = m.last(), m.last()
	from, err := s.prepare(ctx, m, "lobby", 0, replay, had, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.sink = newFakeRoom(s.t)
	s.sink.BeginAt(from.from, 1)
	s.room = &room{name: "lobby", sink: s.sink, at: from.at, from: from.from, spoken: from.spoken}
	if err := s.add(s.room); err != nil {
		t.Fatal(err)
	}
	for s.position < m.last() || !s.isReading { // before anything is lost, so that it would notice
		s.step(t, m)
	}
	if from.from < had && replay == 0 {
		t.Fatalf("%s begins at %d, and has had what is before %d", s.name, from.from, had)
	}
}

func (s *losingServer) say(text string) {
	s.sink.say(&broadcast.Sender{ID: 1, Name: s.name, Addr: netip.MustParseAddrPort("127.0.0.1:1")}, text)
	s.publish(s.room)
}

// step does the next thing that is to be done, and reports whether there was one.
func (s *losingServer) step(t *rapid.T, m *model) bool {
	var err error
	switch {
	case s.broken:
		s.begin(t, m, 0)
	case !s.isReading:
		_, err = s.opened(m.info(m.last()), m.created, at(m, s.position))
	case s.position > m.last() || s.position > 0 && !s.mark.IsZero() && !m.all[s.position-1].Time.Equal(s.mark):
		err = ErrStreamReplaced // as opened would say
	case len(s.actions) > 0:
		action := s.actions[0]
		s.actions = s.actions[1:]
		switch a := action.(type) {
		case publishAction:
			_, err := m.append(a.subject, a.last, a.data)
			s.published(a, err)
		case askAction:
			last, _ := m.lastOf(a.subject, m.last())
			err = s.answered(a.room, last.Seq, m.info(m.last()), nil)
		case catchAction:
			next, missing := m.Next(context.Background(), s.prefix+"."+token(a.room.name)+".*", a.from)
			err = s.caught(a.room, next, m.first, missing)
		}
	case s.position < m.last():
		_, err = s.receive(m.all[s.position])
	default:
		return false
	}
	if errors.Is(err, ErrTooFarBehind) || errors.Is(err, ErrStreamReplaced) {
		s.broken = true
	} else if err != nil {
		t.Fatal(err)
	}
	for i, text := range s.sink.texts {
		number := s.sink.first + uint64(i)
		if _, is := s.given[text]; is {
			continue
		}
		if number <= s.last {
			t.Fatalf("%s gives %d to %q, and has given %d", s.name, number, text, s.last)
		}
		s.given[text], s.last = number, number
	}
	return true
}

// A stream that loses the last of what it has acknowledged, or is made anew, has no server give a number
// twice; and what is said then has the same numbers at all.
func TestNumbersAfterLoss(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		now := noon
		m := newModel(func() time.Time { now = now.Add(time.Millisecond); return now })
		var all []*losingServer
		for _, name := range []string{"a", "b", "c"} {
			s := &losingServer{t: test, name: name, given: make(map[string]uint64)}
			s.begin(t, m, 0)
			all = append(all, s)
		}
		said := 0
		any := rapid.SampledFrom(all)
		t.Repeat(map[string]func(*rapid.T){
			"say": func(t *rapid.T) {
				if s := any.Draw(t, "server"); !s.broken {
					said++
					s.say(fmt.Sprint(said))
				}
			},
			"step": func(t *rapid.T) {
				s := any.Draw(t, "server")
				for range rapid.IntRange(1, 20).Draw(t, "steps") {
					s.step(t, m)
				}
			},
			"lose": func(t *rapid.T) {
				n := rapid.IntRange(0, len(m.all)).Draw(t, "kept")
				m.all = m.all[:max(n, len(m.all)-20)]
			},
			"lose all": func(*rapid.T) { m.all = nil },
		})
		settle := func() {
			for steps, busy := 0, true; busy; {
				busy = false
				for _, s := range all {
					for s.step(t, m) {
						busy = true
						if steps++; steps > 100_000 {
							t.Fatal("the servers do not settle")
						}
					}
				}
			}
		}
		settle()
		start := func(name string) {
			s := &losingServer{t: test, name: name, given: make(map[string]uint64)}
			s.begin(t, m, rapid.Uint64Range(0, 20).Draw(t, "replay"))
			all = append(all, s)
			settle()
			if s.starts != 1 {
				t.Fatalf("a server that starts later begins anew %d times", s.starts-1)
			}
		}
		start("d")
		for _, s := range all {
			s.say("last of " + s.name)
			settle()
		}
		start("e")
		all[4].say("last of e")
		settle()
		for _, said := range all {
			text := "last of " + said.name
			for _, s := range all {
				if got, want := s.given[text], all[0].given[text]; got != want && !(s == all[4] && got == 0) {
					t.Fatalf("%q has number %d at %s and %d at a", text, got, s.name, want)
				}
			}
		}
	})
}

// A server that starts with a history has its room go on behind that, if the stream has lost the end of
// it; and not if the history is of another chat, which is for its server to see.
func TestNumbersAfterLossWhileAway(t *testing.T) {
	ctx := context.Background()
	none := func(context.Context) error { return nil }
	m := newModel(func() time.Time { return noon })
	if err := claim(ctx, m, claimSubject("chat", "b"), instance{'b'}, none); err != nil {
		t.Fatal(err)
	}
	a, there, sink := newTestCore(t, m, "a")
	sink.say(&broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}, "hello")
	a.publish(there)
	run(t, a, m)
	b := newCore("chat", "b", instance{'b'}, func(error) {})
	end, last := sink.next(), m.last()
	for name, test := range map[string]struct {
		number uint64 // that the history lacks
		at     time.Time
		goesOn bool
	}{
		"all is there":     {end, noon, false},
		"less is there":    {end - 1, noon, false},
		"of another chat":  {end + 3, noon.Add(1), false},
		"the end was lost": {end + 3, noon, true},
	} {
		s, err := b.prepare(ctx, m, "lobby", test.number, 0, 0, func(number uint64, at time.Time) bool {
			return number == end-1 && at.Equal(test.at)
		})
		if err != nil || (s.from > test.number) != test.goesOn || (m.last() > last) != test.goesOn {
			t.Errorf("%s: the room begins at %d, %v", name, s.from, err)
		}
		m.all = m.all[:last]
	}
}
