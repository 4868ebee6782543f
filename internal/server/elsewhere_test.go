//go:build linux

package server

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A testCluster is servers that have the same room, and tell each other who is in it, late.
type testCluster struct {
	t       *rapid.T
	now     time.Time
	servers []*testMember
	lastID  uint64
	lost    int
}

// A testMember is a server of a cluster, and what it knows of the others.
type testMember struct {
	cluster *testCluster
	name    string
	room    *Room
	in      []*testClient
	coming  [][][]OtherClient // by server, what has been told and not heard
	heard   [][]OtherClient   // by server
}

type testClient struct {
	conn
	token uint64
}

func newTestCluster(t *rapid.T, n int) *testCluster {
	w := &testCluster{t: t, now: time.UnixMilli(1_000_000)}
	for i := range n {
		room := newRoom(RoomConfig{Key: "key", Backlog: 64 << 10, UniqueNames: simSkeletons}, 1, newPool(nil))
		w.servers = append(w.servers, &testMember{
			cluster: w, name: fmt.Sprint("server ", n-i), room: room,
			coming: make([][][]OtherClient, n), heard: make([][]OtherClient, n),
		})
	}
	return w
}

// join has a client come, whose former connection to the same server has ended.
func (s *testMember) join(name string, token uint64) {
	w := s.cluster
	if token != 0 {
		s.leave(func(c *testClient) bool { return c.token == token })
	}
	w.lastID++
	c := &testClient{token: token}
	c.ID, c.Name = w.lastID, name
	isTaken := slices.ContainsFunc(slices.Concat(s.heard...), func(o OtherClient) bool {
		return lookAlike(o.Name, name) && (token == 0 || o.Client != token)
	})
	isTaken = isTaken || slices.ContainsFunc(s.in, func(o *testClient) bool { return lookAlike(o.Name, name) })
	if got := s.room.names.take(&c.conn, claim{w.now.UnixMilli(), token}, s.room.others); got == isTaken {
		w.t.Fatalf("%q is let in as %q: %v", s.name, name, got)
	} else if got {
		s.in = append(s.in, c)
	}
}

func (s *testMember) leave(is func(*testClient) bool) {
	s.in = slices.DeleteFunc(s.in, func(c *testClient) bool {
		if is(c) {
			s.room.names.free(&c.conn)
			return true
		}
		return false
	})
}

// tell has all others be told who is here.
func (s *testMember) tell() {
	var all []OtherClient
	for _, c := range s.in {
		all = append(all, OtherClient{s.name, c.Name, c.token, time.UnixMilli(s.room.names.since(&c.conn))})
	}
	i := slices.Index(s.cluster.servers, s)
	for _, to := range s.cluster.servers {
		if to != s {
			to.coming[i] = append(to.coming[i], all)
		}
	}
}

// hear hears the next that another has told.
func (s *testMember) hear(from int) {
	if len(s.coming[from]) > 0 {
		s.heard[from], s.coming[from] = s.coming[from][0], s.coming[from][1:]
		s.look()
	}
}

func (s *testMember) look() {
	s.room.setElsewhere(newOtherClients(s.name, slices.Concat(s.heard...), s.room.names.by.Load(), s.room.others()))
}

// settle disconnects those that have no right to their names.
func (s *testMember) settle() {
	for _, id := range s.room.losers(s.cluster.now) {
		s.leave(func(c *testClient) bool { return c.ID == id })
		s.cluster.lost++
	}
}

// Whatever clients come to several servers, and however late these hear of the others, in the
// end no two clients have names that look alike. If none leaves by itself, one of those that
// wanted a name has it: the one that has had it for longest.
func TestNamesOfCluster(t *testing.T) {
	total := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newTestCluster(t, rapid.IntRange(2, 4).Draw(t, "servers"))
		stay := rapid.Bool().Draw(t, "stay")
		names := []string{"ann", "ANN", "bob", "lan"}
		if !stay {
			names = append(names, "Ian", "ian") // both of which look like the first, and only that like lan
		}
		first := make(map[string]int64) // since when a name has been somebody's, by its skeleton
		number := rapid.IntRange(0, len(w.servers)-1)
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "name")
				s, token := w.servers[number.Draw(t, "server")], rapid.SampledFrom([]uint64{0, 0, 7, 8}).Draw(t, "client")
				if has := func(c *testClient) bool { return c.token == token }; !stay || token == 0 || !slices.ContainsFunc(s.in, has) {
					s.join(name, token)
				}
			},
			"leave": func(t *rapid.T) {
				if s := w.servers[number.Draw(t, "server")]; !stay {
					id := rapid.Uint64Range(0, w.lastID).Draw(t, "who")
					s.leave(func(c *testClient) bool { return c.ID == id })
				}
			},
			"tell": func(t *rapid.T) { w.servers[number.Draw(t, "server")].tell() },
			"hear": func(t *rapid.T) {
				w.servers[number.Draw(t, "server")].hear(number.Draw(t, "from"))
			},
			"silence": func(t *rapid.T) { // one takes another for dead
				s := w.servers[number.Draw(t, "server")]
				s.heard[number.Draw(t, "from")] = nil
				s.look()
			},
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
				w.servers[number.Draw(t, "server")].settle()
			},
			"": func(t *rapid.T) {
				for _, s := range w.servers {
					for _, c := range s.in {
						for _, k := range simSkeletons(c.Name) {
							if since := s.room.names.since(&c.conn); first[k] == 0 || since < first[k] {
								first[k] = since
							}
						}
					}
				}
			},
		})
		for range 3 {
			w.now = w.now.Add(settleTime)
			for i, s := range w.servers {
				s.tell()
				for _, to := range w.servers {
					for len(to.coming[i]) > 0 {
						to.hear(i)
					}
				}
			}
			for _, s := range w.servers {
				s.settle()
			}
		}
		total += w.lost
		holders := make(map[string]int64)
		for i, s := range w.servers {
			for _, c := range s.in {
				name, since := simSkeletons(c.Name)[0], s.room.names.since(&c.conn)
				holders[name] = min(since, cmp.Or(holders[name], since)) // one client may be at two servers
				for _, other := range w.servers[i+1:] {
					for _, d := range other.in {
						if lookAlike(c.Name, d.Name) && (c.token == 0 || c.token != d.token) {
							t.Fatalf("%q at %q and %q at %q look alike", c.Name, s.name, d.Name, other.name)
						}
					}
				}
			}
		}
		for name, since := range first {
			if stay && holders[name] != since {
				t.Fatalf("%q is somebody's since %d, want %d", name, holders[name], since)
			}
		}
	})
	if total == 0 {
		t.Error("nobody was ever disconnected")
	}
}

// When a server of three is gone, and its clients come to the others, each has its slot, although
// they are still counted where they were; and one that others come beside has none.
func TestSlotsOfCluster(t *testing.T) {
	const each = 10
	room := newRoom(RoomConfig{Key: "key", Backlog: 64 << 10, MaxClients: 3 * each}, 1, newPool(nil))
	var others []OtherClient
	for i := range uint64(2 * each) {
		others = append(others, OtherClient{Server: fmt.Sprint("server ", i%2), Client: i + 1})
	}
	view := func(clients []OtherClient) { room.setElsewhere(newOtherClients("here", clients, nil, nil)) }
	view(others)
	var in []*conn
	enter := func(token uint64, want bool) {
		t.Helper()
		got := room.enter(token)
		if got {
			in = append(in, new(conn))
			room.elsewhere.Load().arrive(in[len(in)-1], token)
		}
		if got != want {
			t.Fatalf("the client %d has a slot: %v, beside %d", token, got, room.Clients()-1)
		}
	}
	for range each {
		enter(0, true)
	}
	enter(0, false)
	enter(1000, false)
	for i := uint64(0); i < 2*each; i += 2 {
		enter(i+1, true)
		enter(0, false)
	}
	room.leave(in[len(in)-1]) // and it is still counted where it was
	enter(0, false)
	enter(others[2*each-2].Client, true)
	view(slices.DeleteFunc(slices.Clone(others), func(o OtherClient) bool { return o.Server == "server 0" }))
	enter(0, false)
	room.leave(in[len(in)-1])
	enter(0, true)
	if !room.full() || len(room.elsewhere.Load().moved) > 0 {
		t.Error("the room is not full, or somebody is still thought to have moved")
	}
	view(nil)
	if room.full() {
		t.Error("the room is full although nobody is elsewhere")
	}
}

// The tokens of clients differ, and no client that gives no number has one.
func TestClientToken(t *testing.T) {
	if a, b := clientToken(1), clientToken(2); a == b || a == 1 || a == 0 || clientToken(0) != 0 {
		t.Errorf("the tokens are %x and %x, and %x", a, b, clientToken(0))
	}
}

// A client that moves from one server to another keeps the right to its name as long as the
// view has it there, so one that took the name between its coming and going does not.
func TestNameMoves(t *testing.T) {
	w := newTestCluster(nil, 3)
	a, b, c := w.servers[0], w.servers[1], w.servers[2]
	tell := func(from *testMember, to ...*testMember) {
		from.tell()
		for _, s := range to {
			s.hear(slices.Index(w.servers, from))
		}
	}
	a.join("ann", 7)
	tell(a, b)
	w.now = w.now.Add(time.Second)
	c.join("Ann", 0) // it does not know of the other
	w.now = w.now.Add(time.Second)
	b.join("ann", 7)
	a.leave(func(*testClient) bool { return true })
	tell(a, b, c)
	tell(b, a, c)
	tell(c, a, b)
	for range 2 {
		w.now = w.now.Add(settleTime)
		b.settle()
		c.settle()
	}
	if len(b.in) != 1 || len(c.in) != 0 {
		t.Errorf("%d have the name that the client had first, and %d that came later", len(b.in), len(c.in))
	}
}

// What names look like is found out once for each, and anew when the rule has changed.
func TestLooksAreKept(t *testing.T) {
	asked := 0
	by := Skeletons(func(name string) []string { asked++; return []string{name} })
	clients := []OtherClient{{Name: "ann", NamedSince: time.Now()}, {Name: "ann", NamedSince: time.Now()}, {Name: "bob", NamedSince: time.Now()}}
	o := newOtherClients("", clients, &by, nil)
	o = newOtherClients("", append(clients, OtherClient{Name: "cy", NamedSince: time.Now()}), &by, o)
	if asked != 3 || len(o.looks) != 3 {
		t.Errorf("it was asked %d times what three names look like, and %d are kept", asked, len(o.looks))
	}
	other := Skeletons(func(string) []string { return []string{"all alike"} })
	if o = newOtherClients("", clients, &other, o); len(o.first) != 1 {
		t.Errorf("there are %d skeletons", len(o.first))
	}
}
