package keys

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sources are of two networks of IPv4 and two of IPv6.
var sources = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("192.0.3.1/32"),
	netip.MustParsePrefix("2001:db8:0:1::/64"), netip.MustParsePrefix("2001:db8:0:2::/64"), netip.MustParsePrefix("2001:db8:1:1::/64"),
	{},
}

// A queue never holds more than its bound, and gives out each request once, or drops it:
// only one of a source that held most. Each source's come in their order, and while one
// waits no other source has two turns more.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 8).Draw(t, "most")
		q := newQueue(most)
		var model []*request // in the order in which they came
		turns := map[netip.Prefix]int{}
		of := func(s netip.Prefix) (n int) {
			for _, r := range model {
				if r.source == s {
					n++
				}
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				r := &request{source: rapid.SampledFrom(sources).Draw(t, "source")}
				if of(r.source) == 0 {
					delete(turns, r.source)
				}
				model = append(model, r)
				full := len(model) > most
				dropped := q.put(r)
				if full != (dropped != nil) {
					t.Fatalf("of %d requests with a bound of %d, %v was dropped", len(model), most, dropped)
				}
				if dropped == nil {
					return
				}
				for _, s := range sources {
					if of(s) > of(dropped.source) {
						t.Fatalf("%v loses one of %d, and %v has %d", dropped.source, of(dropped.source), s, of(s))
					}
				}
				i := slices.Index(model, dropped)
				if i < 0 || slices.ContainsFunc(model[i+1:], func(r *request) bool { return r.source == dropped.source }) {
					t.Fatalf("%v was dropped, which is not the newest of its source", dropped)
				}
				model = slices.Delete(model, i, i+1)
			},
			"take": func(t *rapid.T) {
				r := q.take()
				if r == nil {
					if len(model) > 0 {
						t.Fatalf("nothing is given out of %d", len(model))
					}
					return
				}
				i := slices.Index(model, r)
				if i < 0 || slices.ContainsFunc(model[:i], func(other *request) bool { return other.source == r.source }) {
					t.Fatalf("%v is given out, and an earlier one of its source waits", r)
				}
				model = slices.Delete(model, i, i+1)
				for _, s := range sources {
					if of(s) > 0 && s != r.source {
						turns[s]++ // of others since its own
						if turns[s] > len(sources) {
							t.Fatalf("%v waits for %d turns of others", s, turns[s])
						}
					}
				}
				delete(turns, r.source)
			},
			"": func(t *rapid.T) {
				if q.size != len(model) || q.turns.Len() != len(q.sources) {
					t.Fatalf("the queue holds %d of %d, of %d sources with %d turns", q.size, len(model), len(q.sources), q.turns.Len())
				}
				for _, s := range sources {
					if (of(s) > 0) != (q.sources[s] != nil) {
						t.Fatalf("%v has %d requests, and is known: %v", s, of(s), q.sources[s] != nil)
					}
				}
				if len(model) == 0 && len(q.networks) > 0 {
					t.Fatalf("%d networks are left", len(q.networks))
				}
			},
		})
	})
}

// Where all sources have one request, one of the network with most of them goes.
func TestQueueNetworks(t *testing.T) {
	q := newQueue(3)
	crowd := []*request{{source: sources[3]}, {source: sources[4]}}
	alone := &request{source: sources[0]}
	for _, r := range append(crowd, alone) {
		if q.put(r) != nil {
			t.Fatal("it is full already")
		}
	}
	if dropped := q.put(&request{source: sources[2]}); !slices.Contains(crowd, dropped) {
		t.Errorf("%v was dropped", dropped)
	}
}
