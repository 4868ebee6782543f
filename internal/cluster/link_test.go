package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// A lockedRoom is a fakeRoom that goroutines may use.
type lockedRoom struct {
	mu        sync.Mutex
	delivered chan struct{} // has space for one
	*fakeRoom
}

func newLockedRoom(t *testing.T) *lockedRoom {
	return &lockedRoom{fakeRoom: newFakeRoom(t), delivered: make(chan struct{}, 1)}
}

func (r *lockedRoom) say(from *broadcast.Sender, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fakeRoom.say(from, text)
}

func (r *lockedRoom) CopyUnreturned(dst []broadcast.Entry, skip int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fakeRoom.CopyUnreturned(dst, skip)
}

func (r *lockedRoom) Deliver(b *broadcast.Batch, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.delivered <- struct{}{}:
	default:
	}
	return r.fakeRoom.Deliver(b, at)
}

func (r *lockedRoom) Void(client uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fakeRoom.Void(client)
}

func (r *lockedRoom) setRefuses(refuses bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = refuses
}

func (r *lockedRoom) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

// waitFor waits until a room was given as many messages.
func (r *lockedRoom) waitFor(t *testing.T, n int) []string {
	t.Helper()
	for end := time.After(20 * time.Second); ; {
		if texts := r.all(); len(texts) >= n {
			return texts
		}
		select {
		case <-r.delivered:
		case <-end:
			t.Fatalf("%d messages were delivered, want %d", len(r.all()), n)
		}
	}
}

// startLink opens a link with rooms, and has it run until the function that is returned is
// called, which returns what Run did.
func startLink(t *testing.T, l *Link, rooms map[string]*lockedRoom) (stop func() error) {
	t.Helper()
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, room := range rooms {
		if err := l.Add(t.Context(), RoomConfig{Name: name, Room: room, Replay: 10}); err != nil {
			t.Fatal(err)
		}
	}
	return goRun(t, l)
}

func goRun(t *testing.T, l *Link) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func newLink(t *testing.T, m *model, server string, state *State) *Link {
	return New(Config{Stream: m, Prefix: "chat", Server: server, State: state, Report: func(err error) { t.Errorf("%s reports: %v", server, err) }})
}

// Rooms that are prepared are added without a question to the stream, and get what was said in
// between. If preparing fails, adding asks.
func TestPrepareRooms(t *testing.T) {
	m := newModel(time.Now)
	m.keep = time.Hour
	member := &broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	first, second := newLink(t, m, "a", nil), newLink(t, m, "b", nil)
	here, there := make(map[string]*lockedRoom), make(map[string]*lockedRoom)
	var configs []RoomConfig
	for i := range 3 * preparedAtOnce {
		name := fmt.Sprint("room ", i)
		here[name], there[name] = newLockedRoom(t), newLockedRoom(t)
		configs = append(configs, RoomConfig{Name: name, Replay: 10})
	}
	if err := second.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	var together atomic.Int32
	met, meet := context.WithTimeout(t.Context(), 10*time.Second)
	m.before = func() error { // each waits until there are two
		if together.Add(1) > 1 {
			meet()
		}
		<-met.Done()
		together.Add(-1)
		return nil
	}
	second.Prepare(t.Context(), configs)
	if errors.Is(met.Err(), context.DeadlineExceeded) || len(second.prepared) != len(configs) {
		t.Errorf("%d of %d rooms are prepared, or one after the other: %v", len(second.prepared), len(configs), met.Err())
	}
	none := func() error { return nil }
	m.before = none
	stop := startLink(t, first, here)
	for name, room := range here {
		room.say(member, "hello in "+name)
		first.wakes.add(first.core.rooms[token(name)])
		room.waitFor(t, 1)
	}
	stop()
	var asked atomic.Int32
	m.before = func() error { asked.Add(1); return nil }
	for name, room := range there {
		if err := second.Add(t.Context(), RoomConfig{Name: name, Room: room, Replay: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("adding rooms that are prepared asks %d times", n)
	}
	m.before = none
	stop = goRun(t, second)
	for name, room := range there {
		if got := room.waitFor(t, 1); got[0] != "hello in "+name {
			t.Errorf("%s: %q", name, got)
		}
	}
	stop()

	m.before = func() error { return errNetwork }
	third := newLink(t, m, "c", nil)
	third.Prepare(t.Context(), configs)
	if len(third.prepared) > 0 {
		t.Error("rooms are prepared though nothing answers")
	}
	m.before = none
	startLink(t, third, map[string]*lockedRoom{"room 0": newLockedRoom(t)})()
}

// Two servers with two rooms get all that is said at both, in one order, though calls fail and
// readers break; also while one is handed over, and one refuses what it gets for a while.
func TestLinks(t *testing.T) {
	m := newModel(time.Now)
	m.keep = time.Hour
	var failing atomic.Bool
	fault := func(one int) func() error {
		return func() error {
			if failing.Load() && rand.IntN(one) == 0 {
				return errNetwork
			}
			return nil
		}
	}
	m.before, m.after, m.breaking = fault(10), fault(10), fault(100)
	member := &broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	rooms := make([]map[string]*lockedRoom, 2)
	links, stops := make([]*Link, 2), make([]func() error, 2)
	for i := range rooms {
		rooms[i] = map[string]*lockedRoom{"lobby": newLockedRoom(t), "a room": newLockedRoom(t)}
		links[i] = newLink(t, m, fmt.Sprint("server ", i), nil)
		stops[i] = startLink(t, links[i], rooms[i])
	}
	failing.Store(true)

	const each = 300
	for n := range each {
		for i := range rooms {
			for name, room := range rooms[i] {
				room.say(member, fmt.Sprintf("%d %s %d", i, name, n))
			}
		}
		switch n {
		case 50:
			rooms[0]["lobby"].setRefuses(true)
		case 150:
			rooms[0]["lobby"].setRefuses(false)
			links[0].Freed()
		case 100:
			if err := stops[1](); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			data, err := json.Marshal(links[1].State())
			if err != nil {
				t.Fatal(err)
			}
			var state State
			if err := json.Unmarshal(data, &state); err != nil {
				t.Fatal(err)
			}
			for name := range rooms[1] {
				links[1].Remove(name)
			}
			links[1] = newLink(t, m, "server 1", &state)
			failing.Store(false)
			stops[1] = startLink(t, links[1], rooms[1])
			failing.Store(true)
		}
	}
	for name := range rooms[0] {
		a, b := rooms[0][name].waitFor(t, 2*each), rooms[1][name].waitFor(t, 2*each)
		if !slices.Equal(a, b) {
			t.Errorf("the servers have %q in two orders", name)
		}
		next := make(map[string]int)
		for _, text := range a {
			said, n, _ := cutLast(text)
			if n != fmt.Sprint(next[said]) {
				t.Fatalf("%q came after %d of it", text, next[said])
			}
			next[said]++
		}
	}
	if s := links[0].Stats(); s.Doubled > 0 {
		t.Errorf("%d batches were doubled", s.Doubled)
	}

	late := newLockedRoom(t) // a third server gets what is replayed, and what follows
	failing.Store(false)
	third := newLink(t, m, "server 2", nil)
	stopThird := startLink(t, third, map[string]*lockedRoom{"lobby": late})
	rooms[0]["lobby"].say(member, "0 lobby last")
	want := rooms[0]["lobby"].waitFor(t, 2*each+1)[2*each-10:]
	if texts := late.waitFor(t, 11); !slices.Equal(texts, want) {
		t.Errorf("the third server has %q, want %q", texts, want)
	}
	third.Remove("lobby")
	if err := stopThird(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, stop := range stops {
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A client that goes to another server while its former one can't publish has what it said there be
// void when that goes on.
func TestLinkRecalls(t *testing.T) {
	m := newModel(time.Now)
	there, here := newLockedRoom(t), newLockedRoom(t)
	a, b := newLink(t, m, "a", nil), newLink(t, m, "b", nil)
	stopA := startLink(t, a, map[string]*lockedRoom{"lobby": there})
	stopB := startLink(t, b, map[string]*lockedRoom{"lobby": here})
	page := &broadcast.Sender{ID: 7, Name: "page", Addr: netip.MustParseAddrPort("127.0.0.1:2")}
	there.mu.Lock()
	there.enter(7, &simConn{client: &simClient{}, sender: page})
	there.mu.Unlock()
	there.say(page, "first")
	here.waitFor(t, 1)
	there.waitFor(t, 1)

	stopA() // it is stopped, and has yet to publish something
	there.say(page, "second")
	done := make(chan struct{})
	b.Recall("lobby", 7, ServerID("a"), func() { close(done) })
	b.Recall("no room", 7, ServerID("a"), func() { t.Error("a client is recalled in a room that there is not") })
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the client is not recalled")
	}
	stopA = goRun(t, a)
	here.say(&broadcast.Sender{ID: 8, Name: "page", Addr: page.Addr}, "second")
	there.say(&broadcast.Sender{ID: 9, Name: "other", Addr: page.Addr}, "third")
	for _, room := range []*lockedRoom{here, there} {
		all := room.waitFor(t, 3)
		if slices.Sort(all); !slices.Equal(all, []string{"first", "second", "third"}) {
			t.Errorf("a room has %q", all)
		}
	}
	stopA()
	stopB()
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndex(text, " ")
	return text[:i], text[i+1:], true
}

// A second server of a name does not start while the first runs, and does once that has
// released it.
func TestLinkName(t *testing.T) {
	m := newModel(time.Now)
	first := newLink(t, m, "a", nil)
	stop := startLink(t, first, nil)
	if err := newLink(t, m, "a", nil).Open(t.Context()); !errors.Is(err, ErrNameTaken) {
		t.Errorf("%v, want %v", err, ErrNameTaken)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := newLink(t, m, "a", nil).Open(t.Context()); err != nil {
		t.Error(err)
	}
}
