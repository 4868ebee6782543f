package repeat

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

var begin = time.Unix(1_000_000, 0)

// The first events of each key in a window are shown, the others counted.
func TestCounter(t *testing.T) {
	c := New[string](2, 5)
	shown := func(key string, after time.Duration, times int) (n int) {
		for range times {
			if c.Show(key, begin.Add(after)) {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		key   string
		times int
		want  int
	}{{"a", 10, 2}, {"b", 1, 1}, {"c", 3, 2}, {"d", 4, 0}, {"a", 1, 0}} {
		if got := shown(step.key, time.Second, step.times); got != step.want {
			t.Errorf("%d of %d events of %q are shown, want %d", got, step.times, step.key, step.want)
		}
	}
	if due := c.Due(); !due.Equal(begin.Add(time.Second + Window)) {
		t.Errorf("the sums are due at %v", due)
	}
	want := []Sum[string]{{Key: "a", Count: 9}, {Key: "d", Count: 4}, {Key: "c", Count: 1}}
	if got := c.Take(); !slices.Equal(got, want) {
		t.Errorf("the sums are %v, want %v", got, want)
	}
	if !c.Due().IsZero() {
		t.Error("after they were taken, more sums are due")
	}
	if got := shown("a", time.Second, 3); got != 2 {
		t.Errorf("in the next window %d events are shown, want 2", got)
	}
}

// Events at a low rate are all shown, and no sums are due.
func TestLowRate(t *testing.T) {
	c := New[string](10, 10)
	for i := range 1000 {
		if !c.Show("a", begin.Add(time.Duration(i)*Window/10)) {
			t.Fatalf("event %d is not shown", i)
		}
	}
	if !c.Due().IsZero() {
		t.Error("sums are due")
	}
}

// However many keys there are, few are kept, and all events are counted.
func TestManyKeys(t *testing.T) {
	c := New[int](1, 8)
	shown := uint64(0)
	const n = 100_000
	for i := range n {
		if c.Show(i, begin) {
			shown++
		}
	}
	if len(c.counts) > maxKeys {
		t.Errorf("%d keys are kept", len(c.counts))
	}
	sums := c.Take()
	total := shown
	for _, s := range sums {
		total += s.Count
	}
	if shown != 8 || total != n || len(sums) > maxSums+1 || !sums[len(sums)-1].Others {
		t.Errorf("%d are shown, and with %d sums that makes %d of %d", shown, len(sums), total, n)
	}
}

func TestSource(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"192.0.2.7", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"::1", "::1"},
	} {
		if got := Name(Source(netip.MustParseAddr(test.addr))); got != test.want {
			t.Errorf("%s counts as %s, want %s", test.addr, got, test.want)
		}
	}
	if Source(netip.Addr{}).IsValid() {
		t.Error("an unknown address has a source")
	}
}

func TestNetwork(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"192.0.2.7", "192.0.2.0/24"},
		{"2001:db8:1:2:3::4", "2001:db8:1::/48"},
		{"::1", "::/48"},
	} {
		if got := Network(Source(netip.MustParseAddr(test.addr))).String(); got != test.want {
			t.Errorf("%s is in %s, want %s", test.addr, got, test.want)
		}
	}
	if Network(netip.Prefix{}).IsValid() {
		t.Error("an unknown source has a network")
	}
}
