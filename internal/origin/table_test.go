package origin

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

var (
	start = time.Unix(1_000_000, 0)
	eve   = netip.MustParseAddr("192.0.2.66")
	alice = netip.MustParseAddr("192.0.2.1")
)

// guess has an origin give a wrong key as soon as it may be looked at. It returns when
// that was, and whether the origin is banned for it.
func guess(t testing.TB, table *Table, from netip.Addr, key string, now time.Time) (at time.Time, isBanned bool) {
	t.Helper()
	for range 2 {
		v, until := table.Look(from, now)
		switch v {
		case Pass:
			_, isBanned = table.Wrong(from, []byte(key), now)
			return now, isBanned
		case Wait:
			now = until
		default:
			t.Fatalf("%v %v", from, v)
		}
	}
	t.Fatalf("after %v has waited, its key may not be looked at", from)
	return now, false
}

// mayConnect returns what a table says of a new connection.
func mayConnect(table *Table, from netip.Addr, now time.Time) Verdict {
	v, _ := table.Connect(from, now)
	return v
}

// An origin's first wrong keys delay nothing, the next ones more and more, and the last
// one bans it. So it has some 370 guesses an hour.
func TestGuessing(t *testing.T) {
	table := NewTable(Config{Failures: 100, Ban: 15 * time.Minute})
	now, guesses := start, 0
	for now.Before(start.Add(time.Hour)) {
		at, banned := guess(t, table, eve, strconv.Itoa(guesses), now)
		guesses++
		if n := guesses % 100; (n == 0) != banned {
			t.Fatalf("after %d wrong keys, banned: %v", guesses, banned)
		} else if n > 0 && n <= 60 && at != now {
			t.Fatalf("key %d has to wait for %v", n, at.Sub(now))
		} else if n == 99 {
			if d := at.Sub(now); d != standardDelay<<maxDoublings {
				t.Errorf("key 99 has to wait for %v", d)
			}
		}
		if now = at; banned {
			v, until := table.Look(eve, now)
			if v != Banned || until != now.Add(15*time.Minute) || mayConnect(table, eve, now) != Banned {
				t.Fatalf("the banned origin %v until %v", v, until)
			}
			if mayConnect(table, alice, now) != Pass {
				t.Fatal("another origin is banned too")
			}
			now = until
		}
	}
	t.Logf("%d guesses an hour", guesses)
	if guesses < 300 || guesses > 400 {
		t.Errorf("%d guesses an hour", guesses)
	}
}

// A member that gives its own key between guesses at another room's has some more
// guesses, but not any number.
func TestGuessesOfMember(t *testing.T) {
	table := NewTable(Config{Failures: 100, Ban: 15 * time.Minute})
	now, guesses := start, 0
	for now.Before(start.Add(time.Hour)) {
		for range 60 {
			v, until := table.Look(eve, now)
			if v != Pass {
				now = until
				break
			}
			table.Wrong(eve, []byte(strconv.Itoa(guesses)), now)
			guesses++
		}
		if v, _ := table.Look(eve, now); v == Pass {
			table.Right(eve, now)
		}
		now = now.Add(time.Millisecond)
	}
	t.Logf("%d guesses an hour", guesses)
	if guesses < 1000 || guesses > 1500 {
		t.Errorf("%d guesses an hour", guesses)
	}
}

// The same wrong key counts once, however often it comes.
func TestSameKey(t *testing.T) {
	table := NewTable(Config{Failures: 2, Ban: time.Minute})
	for i := range 1000 {
		if at, banned := guess(t, table, eve, "the former key", start); banned || at != start {
			t.Fatalf("banned %v, delayed %v, the %d. time", banned, at.Sub(start), i+1)
		}
	}
	if _, banned := guess(t, table, eve, "another", start); !banned {
		t.Error("two wrong keys don't ban")
	}
}

// A right key has the wrong ones forgotten; so has time, and the end of a ban.
func TestForgetting(t *testing.T) {
	for _, test := range []struct {
		what  string
		after func(*Table, time.Time) time.Time
	}{
		{"a right key", func(table *Table, now time.Time) time.Time {
			table.Look(eve, now)
			table.Right(eve, now)
			return now
		}},
		{"a time", func(_ *Table, now time.Time) time.Time { return now.Add(leastMemory) }},
		{"a ban", func(table *Table, now time.Time) time.Time {
			guess(t, table, eve, "the last", now)
			return now.Add(time.Minute)
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			table := NewTable(Config{Failures: 3, Ban: time.Minute})
			guess(t, table, eve, "first", start)
			guess(t, table, eve, "second", start)
			now := test.after(table, start)
			for range 3 {
				if _, banned := guess(t, table, eve, "first", now); banned {
					t.Fatal("banned at once")
				}
			}
			if _, banned := guess(t, table, eve, "second", now); banned {
				t.Fatal("banned for two keys")
			}
			if _, banned := guess(t, table, eve, "third", now); !banned {
				t.Error("not banned for three")
			}
		})
	}
}

// While keys are looked at of which it is not known yet whether they are right, no more
// are looked at than may be wrong.
func TestKeysLookedAtTogether(t *testing.T) {
	table := NewTable(Config{Failures: 5, Ban: time.Minute})
	looks := 0
	for range 10 {
		if v, _ := table.Look(eve, start); v == Pass {
			looks++
		}
	}
	if looks != 5 {
		t.Errorf("%d keys are looked at together, want 5", looks)
	}
	for i := range looks {
		if _, banned := table.Wrong(eve, []byte{byte(i)}, start); banned != (i == 4) {
			t.Errorf("after %d wrong keys: banned %v", i+1, banned)
		}
	}
	table = NewTable(Config{Failures: 1, Ban: time.Minute})
	table.Look(eve, start) // and nobody says whether it was right
	if v, _ := table.Look(eve, start.Add(maxLook)); v != Pass {
		t.Errorf("for a key that nobody tells the result of, an origin %v", v)
	}
}

// With a rate, an origin may open as many connections as the rate says at once, and then
// one at a time.
func TestConnectRate(t *testing.T) {
	table := NewTable(Config{ConnectRate: 6})
	opened := func(now time.Time) (n int) {
		for mayConnect(table, eve, now) == Pass {
			n++
		}
		if v := mayConnect(table, eve, now); v != TooFrequent {
			t.Errorf("it %v", v)
		}
		return n
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 6}, {0, 0}, {9 * time.Second, 0}, {10 * time.Second, 1}, {35 * time.Second, 2}, {40 * time.Second, 1}, {time.Hour, 6}} {
		if n := opened(start.Add(step.after)); n != step.want {
			t.Errorf("after %v, it opens %d connections, want %d", step.after, n, step.want)
		}
	}
	if mayConnect(table, alice, start.Add(time.Hour)) != Pass {
		t.Error("another origin opens too many, too")
	}
}

// What counts as one address is one origin, and trusted proxies are none.
func TestOrigins(t *testing.T) {
	same := func(table *Table, a, b string) bool {
		t.Helper()
		_, banned := guess(t, table, netip.MustParseAddr(a), "wrong", start)
		return banned && mayConnect(table, netip.MustParseAddr(b), start) == Banned
	}
	config := Config{Failures: 1, Ban: time.Minute, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"10.1.2.3", "10.1.2.3", false},
		{"::ffff:10.1.2.3", "10.1.2.3", false},
	} {
		if got := same(NewTable(config), test.a, test.b); got != test.want {
			t.Errorf("when %s is banned, %s is: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

// A nil table lets everybody do everything.
func TestNilTable(t *testing.T) {
	var table *Table
	for range 1000 {
		if _, banned := guess(t, table, eve, "wrong", start); banned || mayConnect(table, eve, start) != Pass || table.Denies(eve) {
			t.Fatal("it does not")
		}
	}
	table.Right(eve, start)
}

// Records that are over are removed, so that the memory is free again after a flood.
func TestRecordsAreRemoved(t *testing.T) {
	table := NewTable(Config{Failures: 10, Ban: time.Minute, Records: 1000})
	for i := range 2000 {
		guess(t, table, address(i), "wrong", start)
	}
	if n := table.Len(); n != 1000 {
		t.Fatalf("%d origins are remembered, want 1000", n)
	}
	later := start.Add(leastMemory)
	for range 600 {
		mayConnect(table, alice, later)
	}
	if n := table.Len(); n != 0 {
		t.Errorf("%d origins are still remembered", n)
	}
	if v, _ := table.Look(alice, later); v != Pass {
		t.Fatal(v)
	}
	if table.Right(alice, later); table.Len() != 0 {
		t.Error("an origin that gave one right key is remembered")
	}
}

// Any goroutine may use a table.
func TestTableOfManyGoroutines(t *testing.T) {
	table := NewTable(Config{Failures: 100, Ban: time.Minute, ConnectRate: 10, Records: 16})
	var running sync.WaitGroup
	for g := range 4 {
		running.Go(func() {
			for i := range 2000 {
				from, now := address(i%32), start.Add(time.Duration(i)*time.Millisecond)
				mayConnect(table, from, now)
				if v, _ := table.Look(from, now); v != Pass {
					continue
				}
				if i%5 == 0 {
					table.Right(from, now)
				} else {
					table.Wrong(from, fmt.Append(nil, g, i), now)
				}
			}
		})
	}
	running.Wait()
	if n := table.Len(); n > 16 {
		t.Errorf("%d origins are remembered, with a bound of 16", n)
	}
}

// address returns one of some addresses.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(1 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)})
}
