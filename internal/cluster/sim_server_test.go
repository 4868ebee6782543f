package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
)

// A simServer is a process of a server.
type simServer struct {
	*core
	name    string
	rooms   map[string]*fakeRoom
	checked map[string]int
	said    map[string]int
	members []*broadcast.Sender
	conns   []*simConn // of clients that say which one they are
	stopped bool
	isDead  bool
	created time.Time
}

// A statement is what a member said, and when, in steps.
type statement struct {
	at, back int64  // when it came back to its own server; 0: it did not
	number   uint64 // that it had then
}

func (w *world) say(s *simServer) {
	i := w.rng.IntN(len(simRooms))
	if i == w.steps/10_000%4 { // is silent for a while
		return
	}
	name := simRooms[i]
	for range w.rng.IntN(4) {
		s.said[name]++
		text := fmt.Sprintf("%x/%d", s.instance[:4], s.said[name])
		s.rooms[name].say(s.members[w.rng.IntN(len(s.members))], text)
		if w.said != nil {
			w.said[name][text] = &statement{at: int64(w.steps)}
		}
		w.counts["said"]++
	}
	s.publish(s.core.rooms[token(name)])
}

// check takes the error of a core, which ends it.
func (w *world) check(s *simServer, err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, ErrFenced) && w.count(s.name) > 1, errors.Is(err, ErrFenced) && w.depth > 0, errors.Is(err, ErrFenced) && w.counts["name taken"]+w.counts["twin"] > 0:
		w.counts["fenced"]++
	case errors.Is(err, ErrTooFarBehind) && w.model.first > 1:
		w.counts["too far behind"]++
	default:
		w.t.Fatalf("%s ended: %v", s.name, err)
	}
	w.kill(s)
}

func (w *world) count(name string) (n int) {
	for _, s := range w.servers {
		if s.name == name {
			n++
		}
	}
	return n
}

func (w *world) kill(s *simServer) {
	s.isDead = true
	for _, n := range s.conns {
		n.ended = true
	}
	for _, r := range s.rooms {
		w.counts["void"] += r.voided
	}
	w.servers = slices.DeleteFunc(w.servers, func(other *simServer) bool { return other == s })
	for i := range w.flights {
		if w.flights[i].server == s {
			w.flights[i].server = nil
		}
	}
}

// start starts a server, with a history or without. If it can't, it is tried again some other
// time.
func (w *world) start(name string) {
	if w.depth > 2 {
		return
	}
	w.serial++
	s := &simServer{name: name, rooms: make(map[string]*fakeRoom), checked: make(map[string]int), said: make(map[string]int)}
	id := instance{byte(w.serial >> 8), byte(w.serial), byte(w.rng.IntN(256))}
	id[0], id[1], id[2], id[3] = byte(w.rng.IntN(256)), id[0], id[1], 0
	s.core = newCore("chat", name, id, func(err error) { w.t.Logf("step %d: %s reports: %v", w.steps, name, err) })
	for i := range 2 {
		s.members = append(s.members, &broadcast.Sender{ID: uint64(i), Name: fmt.Sprint("m", i), Addr: netip.MustParseAddrPort("127.0.0.1:1")})
	}
	ctx := context.Background()
	info, err := w.model.Info(ctx)
	if err != nil {
		return
	}
	if w.count(name) > 0 {
		w.counts["twin"]++
	}
	wait := func(context.Context) error {
		w.depth++
		defer func() { w.depth-- }()
		for range w.rng.IntN(15) {
			w.step()
		}
		return nil
	}
	for tries := 0; ; tries++ {
		err := claim(ctx, leaders{w.model, w}, claimSubject(s.prefix, s.server), id, wait)
		if err == nil {
			break
		}
		if errors.Is(err, ErrNameTaken) {
			w.counts["name taken"]++
			if !w.isSaidByAnother(claimSubject(s.prefix, s.server), id, info.Last) {
				w.t.Fatalf("step %d: %s does not start, as if another had its name", w.steps, s.name)
			}
			return
		}
		if tries > 3 {
			return
		}
	}
	s.ownSince = info.Last
	s.wasOpened = info.First <= info.Last
	s.position, s.keep, s.created, s.now = info.Last, info.Keep, info.Created, w.now
	w.readCanons()
	for _, name := range simRooms {
		sink := newFakeRoom(w.t)
		s.rooms[name] = sink
		c := w.canons[name]
		number := uint64(0)
		if len(c.texts) > 0 && w.rng.IntN(2) == 0 {
			number = c.number + uint64(len(c.texts)-w.rng.IntN(min(len(c.texts), 40)))
		}
		from, err := s.prepare(ctx, w.model, name, number, simReplay, 0, nil)
		for tries := 0; tries < 5 && errors.Is(err, errNetwork); tries++ {
			from, err = s.prepare(ctx, w.model, name, number, simReplay, 0, nil)
		}
		w.readCanons()
		if err != nil {
			if !errors.Is(err, errNetwork) {
				w.t.Fatalf("step %d: %s can't start: %v", w.steps, s.name, err)
			}
			return
		}
		want := number
		if number == 0 {
			want = max(c.number, c.next()-min(c.next(), simReplay))
		}
		if w.model.first == 1 && from.from != want {
			w.t.Fatalf("%s begins at %d in %q, which has %d to %d; want %d", s.name, from.from, name, c.number, c.next(), want)
		}
		sink.BeginAt(from.from, 1)
		if from.lacks && w.rng.IntN(2) == 0 {
			s.rewind(from.at.seq)
			w.counts["rewound"]++
		}
		if err := s.add(&room{sink: sink, name: name, at: from.at, from: from.from, spoken: from.spoken}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.servers = append(w.servers, s)
}

// upgrade has another core go on in the place of a server's.
func (w *world) upgrade(s *simServer) {
	if w.isQuiet {
		return
	}
	l := &Link{core: s.core, info: Info{Created: s.created}}
	data, err := json.Marshal(l.State())
	if err != nil {
		w.t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(data, &state); err != nil {
		w.t.Fatal(err)
	}
	for i := range w.flights {
		if w.flights[i].server == s {
			w.flights[i].server = nil
		}
	}
	c := newCore("chat", s.name, state.Instance, s.report)
	c.position, c.mark, c.wasOpened, c.keep, c.now = state.Position, state.Mark, true, s.keep, w.now
	c.claimSeq, c.claimedAt = state.Claim, state.ClaimedAt
	for _, name := range simRooms {
		r := &room{name: name, sink: s.rooms[name]}
		if err := r.restore(state.room(name), c.server, c.instance); err != nil {
			w.t.Fatal(err)
		}
		if err := c.add(r); err != nil {
			w.t.Fatal(err)
		}
	}
	s.core = c
	for _, client := range w.clients { // the server asks again for those that wait
		if v := client.waits; v != nil && v.server == s && !v.recalled {
			w.visit(client, s)
		}
	}
	c.resume()
	w.counts["upgraded"]++
}
