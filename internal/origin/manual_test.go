package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func network(text string) netip.Prefix {
	p, err := ParseNetwork(text)
	if err != nil {
		panic(err)
	}
	return p
}

// An operator's ban keeps a network out until its time is over, or until it is removed, and
// nobody else.
func TestManualBans(t *testing.T) {
	table := NewTable(Config{})
	for _, b := range []Listed{
		{Network: network("192.0.2.66"), Until: start.Add(time.Hour), Reason: "spam", By: "root"},
		{Network: network("198.51.100.0/24")},
		{Network: network("2001:db8::1")},
		{Network: network("198.51.100.7"), Until: start.Add(time.Minute)}, // within another
	} {
		if err := table.Ban(b, start); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		addr   string
		after  time.Duration
		banned bool
		until  time.Duration // 0: for good
	}{
		{"192.0.2.66", 0, true, time.Hour},
		{"::ffff:192.0.2.66", 0, true, time.Hour},
		{"192.0.2.67", 0, false, 0},
		{"198.51.100.255", 0, true, 0},
		{"198.51.100.7", 0, true, time.Minute},
		{"2001:db8::2", 0, true, 0}, // of one network of 64 bits
		{"2001:db8:0:1::1", 0, false, 0},
		{"198.51.100.7", time.Minute, true, 0},
		{"192.0.2.66", time.Hour - 1, true, time.Hour},
		{"192.0.2.66", time.Hour, false, 0},
		{"198.51.100.255", time.Hour, true, 0},
	} {
		addr, now := netip.MustParseAddr(test.addr), start.Add(test.after)
		want, until := Pass, time.Time{}
		if test.banned {
			want = Barred
			if test.until > 0 {
				until = start.Add(test.until)
			}
		}
		if v, at := table.Connect(addr, now); v != want || !at.Equal(until) {
			t.Errorf("after %v a connection from %v %v until %v", test.after, addr, v, at)
		}
		if v, at := table.Banned(addr, now); v != want || !at.Equal(until) {
			t.Errorf("after %v %v %v until %v", test.after, addr, v, at)
		}
		v, _ := table.Look(addr, now)
		if v != want {
			t.Errorf("after %v a key of %v %v", test.after, addr, v)
		}
		if v == Pass {
			table.Skipped(addr, now)
		}
	}
	if removed := table.Unban(network("198.51.100.0/24"), start.Add(time.Hour)); len(removed) != 1 {
		t.Errorf("removed %v", removed)
	}
	if removed := table.Unban(network("198.51.100.0/24"), start.Add(time.Hour)); len(removed) != 0 {
		t.Errorf("removed %v again", removed)
	}
	if v := mayConnect(table, netip.MustParseAddr("198.51.100.255"), start.Add(time.Hour)); v != Pass {
		t.Errorf("what was banned %v", v)
	}
}

// Several bans at once are those that they are one by one; what changes is told. Lift ends the
// bans of operators, and forgets no wrong keys.
func TestBanAll(t *testing.T) {
	proxy := netip.MustParsePrefix("10.0.0.1/32")
	table := NewTable(Config{Failures: 1, Ban: time.Hour, Trusted: []netip.Prefix{proxy}})
	networks := func(all []Listed) (texts []string) {
		for _, b := range all {
			texts = append(texts, b.Network.String())
		}
		return texts
	}
	one := Listed{Network: network("192.0.2.1"), Until: start.Add(time.Hour), Reason: "spam"}
	two, three := Listed{Network: network("192.0.2.2")}, Listed{Network: network("192.0.2.3")}
	for _, step := range []struct {
		bans    []Listed
		changed string
		errs    int
	}{
		{[]Listed{one, two}, "[192.0.2.1/32 192.0.2.2/32]", 0},
		{[]Listed{two, {Network: one.Network, Until: one.Until.UTC(), Reason: "spam"}}, "[]", 0},
		{[]Listed{{Network: one.Network, Until: one.Until, Reason: "noise"}, three, three, {Network: proxy}}, "[192.0.2.1/32 192.0.2.3/32]", 1},
	} {
		changed, err := table.BanAll(step.bans, start)
		if got := fmt.Sprint(networks(changed)); got != step.changed || (err != nil) != (step.errs > 0) {
			t.Errorf("of %v %s changed: %v; want %s", step.bans, got, err, step.changed)
		}
	}
	if got := fmt.Sprint(networks(table.Bans(start))); got != "[192.0.2.1/32 192.0.2.2/32 192.0.2.3/32]" {
		t.Errorf("the bans are %s", got)
	}
	guess(t, table, eve, "1", start)
	lifted := table.Lift([]netip.Prefix{two.Network, one.Network, network("192.0.2.9"), network(eve.String())}, start)
	if got := fmt.Sprint(networks(lifted)); got != "[192.0.2.1/32 192.0.2.2/32]" || lifted[0].Reason != "noise" {
		t.Errorf("lifted %v", lifted)
	}
	if v, _ := table.Banned(eve, start); v != Banned {
		t.Errorf("eve %v", v)
	}
	if v, _ := table.Banned(three.Network.Addr(), start); v != Barred {
		t.Errorf("what is still banned %v", v)
	}
}

// Bans shows those of operators and those for wrong keys, in order, and Unban removes both.
func TestListOfBans(t *testing.T) {
	table := NewTable(Config{Failures: 2, Ban: time.Hour})
	for _, from := range []netip.Addr{eve, netip.MustParseAddr("192.0.2.77")} {
		guess(t, table, from, "1", start)
		guess(t, table, from, "2", start)
	}
	guess(t, table, alice, "1", start)
	if err := table.Ban(Listed{Network: network("10.0.0.0/8"), By: "root"}, start); err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		var all []string
		for _, b := range table.Bans(start) {
			all = append(all, fmt.Sprint(b.Network, " ", b.Keys, " ", b.By, " ", b.Until.Sub(start) == time.Hour))
		}
		return strings.Join(all, "; ")
	}
	if got, want := shown(), "10.0.0.0/8 0 root false; 192.0.2.66/32 2  true; 192.0.2.77/32 2  true"; got != want {
		t.Errorf("the bans are %s; want %s", got, want)
	}
	if removed := table.Unban(network("192.0.2.66"), start); len(removed) != 1 || mayConnect(table, eve, start) != Pass {
		t.Errorf("removed %v, and then eve %v", removed, mayConnect(table, eve, start))
	}
	if _, banned := guess(t, table, eve, "3", start); banned {
		t.Error("the wrong keys before are not forgotten")
	}
	if removed := table.Unban(network("0.0.0.0/0"), start); len(removed) != 1 {
		t.Errorf("removed %v", removed)
	}
	if got, want := shown(), "10.0.0.0/8 0 root false"; got != want {
		t.Errorf("the bans are %s; want %s", got, want)
	}
}

// A trusted proxy can't be banned, and clients through it can.
func TestBanOfProxy(t *testing.T) {
	proxy := netip.MustParsePrefix("10.1.0.0/16")
	table := NewTable(Config{Trusted: []netip.Prefix{proxy}})
	for _, text := range []string{"10.1.2.3", "10.1.0.0/16", "10.1.2.0/24"} {
		err := table.Ban(Listed{Network: network(text)}, start)
		if _, is := errors.AsType[*TrustedError](err); !is {
			t.Errorf("%s is banned: %v", text, err)
		}
	}
	if err := table.Ban(Listed{Network: network("10.0.0.0/8")}, start); err != nil {
		t.Fatal(err)
	}
	if a, b := mayConnect(table, netip.MustParseAddr("10.1.2.3"), start), mayConnect(table, netip.MustParseAddr("10.2.2.3"), start); a != Pass || b != Barred {
		t.Errorf("the proxy %v, and another %v", a, b)
	}
}

// There is a bound on bans.
func TestMostBans(t *testing.T) {
	table := NewTable(Config{})
	var all []Listed
	for i := range MaxManual {
		all = append(all, Listed{Network: netip.PrefixFrom(address(i), 32)})
	}
	table.setManual(all)
	if err := table.Ban(Listed{Network: network("2001:db8::/32")}, start); err == nil {
		t.Error("there is one more")
	}
	if err := table.Ban(Listed{Network: all[5].Network, Reason: "another"}, start); err != nil {
		t.Errorf("one can't be replaced: %v", err)
	}
}

// However bans come, go and end, an address is banned if a network is in force that has it.
func TestBansAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, now := NewTable(Config{Failures: 1, Ban: time.Minute}), start
		model := make(map[netip.Prefix]time.Time)
		drawNetwork := func() netip.Prefix {
			p, _ := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 15).Draw(t, "last"))}).Prefix(rapid.IntRange(28, 32).Draw(t, "bits"))
			return p
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			for p, until := range model {
				if !until.IsZero() && !now.Before(until) {
					delete(model, p)
				}
			}
			switch p := drawNetwork(); rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				until := time.Time{}
				if rapid.Bool().Draw(t, "ends") {
					until = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "for")) * time.Second)
				}
				if err := table.Ban(Listed{Network: p, Until: until}, now); err != nil {
					t.Fatal(err)
				}
				model[p] = until
			case 1:
				_, was := model[p]
				if removed := table.Unban(p, now); (len(removed) > 0) != was {
					t.Fatalf("removed %v, want %v", removed, was)
				}
				delete(model, p)
			}
			for last := range byte(16) {
				addr, want := netip.AddrFrom4([4]byte{10, 0, 0, last}), Pass
				for p := range model {
					if p.Contains(addr) {
						want = Barred
					}
				}
				if got, _ := table.Connect(addr, now); got != want {
					t.Fatalf("%v %v; want %v of %v", addr, got, want, model)
				}
			}
			listed := table.Bans(now)
			if len(listed) != len(model) || slices.ContainsFunc(listed, func(b Listed) bool { return !model[b.Network].Equal(b.Until) }) {
				t.Fatalf("listed %v, want %v", listed, model)
			}
		}
	})
}
