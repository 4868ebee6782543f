//go:build linux

package server

import (
	"bytes"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/origin"
	"sop-chat/internal/wire"
)

var (
	school = netip.MustParseAddr("192.0.2.1")
	home   = netip.MustParseAddr("198.51.100.1")
)

// A guessedWorld is one with a room, nothing that fails, and a table of origins.
type guessedWorld struct {
	*world
	log bytes.Buffer
}

func newGuessedWorld(config origin.Config, pending int) *guessedWorld {
	g := &guessedWorld{world: emptyWorld(1)}
	g.config = simConfig{loops: 2, pending: pending}
	g.begin()
	for _, l := range g.loops {
		l.origins = origin.NewTable(config)
		l.logger = slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	g.loops[0].acceptor.origins, g.loops[0].acceptor.logger = g.loops[0].origins, g.loops[0].logger
	g.addRoom(simRoomConfig{first: 1, backlog: 256 << 10})
	return g
}

// give has a client come that gives a key.
func (g *guessedWorld) give(from netip.Addr, key string) *simClient {
	c := &simClient{world: g.world, room: g.rooms[0], number: g.born, key: key, next: -1, eager: true}
	g.born++
	c.socket = &socket{
		peer: c, addr: netip.AddrPortFrom(from, uint16(1+c.number)), fd: -1, openAt: g.now, inCap: 4 * wire.Size, outCap: 64 << 10,
	}
	g.clients, g.arriving = append(g.clients, c), append(g.arriving, c.socket)
	c.queue(0)
	c.push()
	g.workOff((*simClient).isThere)
	return c
}

// waitFor lets time pass in steps in which nothing may happen, and then what is due.
func (g *guessedWorld) waitFor(t *testing.T, d time.Duration) {
	t.Helper()
	g.pass(d - time.Millisecond)
	for i, l := range g.loops {
		if l.kernel.(*simKernel).mayRun(l) {
			t.Errorf("loop %d has something to do while a key waits", i)
		}
	}
	g.pass(time.Millisecond)
	g.workOff((*simClient).isThere)
}

// passBy lets time pass with the loops at work.
func (g *guessedWorld) passBy(d time.Duration) {
	const step = 100 * time.Millisecond
	for ; d > 0; d -= step {
		g.pass(min(d, step))
		g.workOff((*simClient).isThere)
	}
}

// reason returns why a client's connection ended; empty if it has not.
func (g *guessedWorld) reason(c *simClient) string {
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, `msg="connection ended"`) && strings.Contains(line, "address="+c.socket.addr.String()) {
			return regexp.MustCompile(`reason="?([^"\n]*)`).FindStringSubmatch(line)[1]
		}
	}
	return ""
}

// After some wrong keys of an address, the next ones are looked at one after another,
// after delays in which the loops have nothing to do. Those of other addresses are looked
// at at once.
func TestKeysAreDelayed(t *testing.T) {
	defer reportFailure(t, 1)
	g := newGuessedWorld(origin.Config{Undelayed: 2, Delay: time.Second}, 0)
	key := g.rooms[0].key()
	for i, wrong := range []string{"a", "b", "c"} {
		if c := g.give(school, wrong); g.reason(c) != causeKey.words {
			t.Fatalf("wrong key %d: %q", i, g.reason(c))
		}
	}
	mistyped := g.give(school, "d")
	right, last := g.give(school, key), g.give(school, key)
	if g.reason(mistyped) != "" || right.accepted || last.accepted {
		t.Fatal("a key is looked at at once")
	}
	if other := g.give(home, key); !other.joined {
		t.Fatal("a key of another address is delayed, too")
	}
	if n := g.waiting(); n != 3 || g.loops[0].acceptor.all.size != n {
		t.Fatalf("%d connections are pending, and %d count as such", n, g.loops[0].acceptor.all.size)
	}
	g.waitFor(t, time.Second)
	if g.reason(mistyped) != causeKey.words || right.accepted {
		t.Fatalf("of two keys that have waited, the first: %q, the second accepted: %v", g.reason(mistyped), right.accepted)
	}
	g.waitFor(t, time.Second)
	if !right.joined || !last.joined {
		t.Fatalf("the right key lets in: %v, and one after it: %v", right.joined, last.joined)
	}
	if n := len(g.loops[0].acceptor.delays.byOrigin); n != 0 {
		t.Errorf("%d origins are delayed", n)
	}
	g.shutdown()
}

// While a key waits, its connection is a pending one: it ends when its time is over, or
// when there are too many.
func TestDelayedConnectionsAreBounded(t *testing.T) {
	defer reportFailure(t, 1)
	g := newGuessedWorld(origin.Config{Undelayed: 1, Delay: time.Minute}, 1)
	key := g.rooms[0].key()
	g.give(school, "a")
	g.give(school, "b")
	late := g.give(school, key)
	g.passBy(simAuthTimeout)
	if got := g.reason(late); got != causeDelayed.words {
		t.Errorf("a connection that has waited for too long: %q", got)
	}
	first, second := g.give(school, key), g.give(school, key)
	g.passBy(grace)
	if a, b := g.reason(first), g.reason(second); a != causeEvicted.words || b != "" {
		t.Errorf("of two that wait where one may, the first: %q, the second: %q", a, b)
	}
	g.shutdown()
}

// No key of a banned address is looked at, not even one that waits. The ban is logged
// once, and the connections that are refused are counted.
func TestBan(t *testing.T) {
	defer reportFailure(t, 1)
	g := newGuessedWorld(origin.Config{Failures: 3, Ban: time.Minute, Undelayed: 1, Delay: time.Second}, 0)
	key := g.rooms[0].key()
	member := g.give(school, key)
	g.give(school, "a")
	g.give(school, "b")
	wrong, right := g.give(school, "c"), g.give(school, key)
	g.waitFor(t, time.Second)
	banned := causeOrigin(origin.Banned).words
	if g.reason(wrong) != causeKey.words || g.reason(right) != banned || right.accepted {
		t.Fatalf("the last wrong key: %q; a right one behind it: %q", g.reason(wrong), g.reason(right))
	}
	for range 1000 {
		if c := g.give(school, key); g.reason(c) != banned {
			t.Fatalf("a right key of a banned address: %q", g.reason(c))
		}
		g.log.Reset()
	}
	if !member.joined || member.left {
		t.Error("a member of a banned address is disconnected")
	}
	if c := g.give(home, key); !c.joined {
		t.Error("another address is banned, too")
	}
	g.passBy(10 * time.Second)
	if !strings.Contains(g.log.String(), `msg="connections were refused" address=192.0.2.1 reason="is banned for wrong keys" times=1001`) {
		t.Errorf("the log does not say how many were refused: %s", g.log.String())
	}
	g.passBy(50 * time.Second)
	if c := g.give(school, key); !c.joined {
		t.Error("after the ban, the address is not let in")
	}
	g.shutdown()
}

// When a ban begins, that is logged.
func TestBanIsLogged(t *testing.T) {
	defer reportFailure(t, 1)
	g := newGuessedWorld(origin.Config{Failures: 1, Ban: time.Minute}, 0)
	g.give(school, "a")
	const want = `level=WARN msg="an address is banned, because it gave too many wrong keys" address=192.0.2.1 keys=1 for=1m0s`
	if n := strings.Count(g.log.String(), want); n != 1 {
		t.Errorf("it is logged %d times: %s", n, g.log.String())
	}
	g.shutdown()
}

// When the lists change, those that are denied now are disconnected, whatever they are
// doing, and no others.
func TestDenied(t *testing.T) {
	defer reportFailure(t, 1)
	g := newGuessedWorld(origin.Config{Undelayed: 1, Delay: time.Second}, 0)
	table := origin.NewTable(origin.Config{Undelayed: 1, Delay: time.Second})
	for _, l := range g.loops {
		l.origins = table
	}
	g.loops[0].acceptor.origins = table
	g.loops[0].acceptor.limits.minMembers = 1 // so that both loops have members
	key := g.rooms[0].key()
	stays := g.give(home, key)
	member, second := g.give(school, key), g.give(school, key)
	g.give(school, "a")
	g.give(school, "b")
	waits := g.give(school, key)
	deny, err := origin.ParseList(school.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	table.SetLists(origin.Lists{Deny: deny})
	g.empty(emptying{cause: causeDenied})
	g.workOff((*simClient).isThere)
	for i, c := range []*simClient{member, second, waits} {
		if g.reason(c) != causeDenied.words {
			t.Errorf("client %d that is denied: %q", i, g.reason(c))
		}
	}
	if c := g.give(school, key); g.reason(c) != causeOrigin(origin.Denied).words {
		t.Errorf("one that comes later: %q", g.reason(c))
	}
	if !stays.joined || stays.left {
		t.Error("another is disconnected, too")
	}
	g.shutdown()
}
