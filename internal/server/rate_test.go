//go:build linux

package server

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// Whatever members send, and whenever, in no span of time is it more than the rate permits
// and a burst. One that waits until it is to be checked may send, and one that is quiet
// for long enough may send a burst and has no mark.
func TestRatesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{
			Messages: rapid.IntRange(1, 5000).Draw(t, "messages"),
			Per:      rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "per"),
			Burst:    rapid.IntRange(1, 100).Draw(t, "burst"),
		}
		limit := newRateLimit(rate)
		perSecond := float64(rate.Messages) * wire.Size / rate.Per.Seconds()
		burst := max(float64(rate.Burst)*wire.Size, perSecond*leastBurst.Seconds())
		now := time.Unix(1_000_000_000, 0)
		r := &rates{}
		members := []*conn{{}, {framing: webSocket}, {framing: numbered}}
		type sent struct {
			at    time.Time
			bytes int
		}
		all := make(map[*conn][]sent)
		pass := func(d time.Duration) {
			now = now.Add(d)
			r.begin(limit, now)
		}
		pass(0)
		t.Repeat(map[string]func(*rapid.T){
			"pass": func(t *rapid.T) { pass(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "time"))) },
			"send": func(t *rapid.T) {
				c := rapid.SampledFrom(members).Draw(t, "member")
				left := r.left(c, now)
				if left == 0 {
					return
				}
				bytes := rapid.IntRange(1, min(left, maxRead)).Draw(t, "bytes")
				r.charge(c, bytes, now)
				all[c] = append(all[c], sent{now, bytes})
			},
			"wait": func(t *rapid.T) {
				c := rapid.SampledFrom(members).Draw(t, "member")
				if r.left(c, now) > 0 {
					return
				}
				r.waiting, r.tickAt = nil, time.Time{}
				r.wait(c, now)
				if r.tickAt.Before(now.Add(rateTick)) || r.tickAt.Sub(now) > limit.timeFor(wire.Size+1)+rateTick {
					t.Fatalf("it is checked after %v", r.tickAt.Sub(now))
				}
				pass(r.tickAt.Sub(now))
				if r.left(c, now) == 0 {
					t.Fatal("it may not send when it is checked")
				}
			},
			"rest": func(t *rapid.T) {
				pass(limit.timeFor(limit.burst))
				for _, c := range members {
					if left := r.left(c, now); left != int(burst) {
						t.Fatalf("one that was quiet may send %d bytes, not %v", left, burst)
					}
				}
				pass(mostSweep)
				if len(r.full) > 0 || !r.sweepAt.IsZero() {
					t.Fatalf("%d marks are left", len(r.full))
				}
			},
			"": func(t *rapid.T) {
				for c, all := range all {
					sum := 0
					for i := len(all) - 1; i >= 0; i-- { // each span that ends with the last
						sum += all[i].bytes
						span := all[len(all)-1].at.Sub(all[i].at)
						if most := burst + perSecond*span.Seconds() + 1e-3; float64(sum) > most {
							t.Fatalf("%d bytes of framing %d in %v, want %v at most", sum, c.framing, span, most)
						}
					}
				}
			},
		})
	})
}

// A rate counts messages: a member over TCP may send exactly so many at once, and then one
// when it is due and not before. A WebSocket may send a ping before that, so that it is
// answered.
func TestRateInMessages(t *testing.T) {
	for _, test := range []struct {
		rate        Rate
		burst       int           // messages
		next        time.Duration // when the first after that may be sent
		anyInFrames time.Duration // when the first bytes of a WebSocket may
	}{
		{Rate{5, time.Second, 20}, 20, 200 * time.Millisecond, 100 * time.Millisecond},
		{Rate{1, time.Second, 1}, 1, time.Second, 250 * time.Millisecond},
		{Rate{6, time.Minute, 5}, 5, 10 * time.Second, 240 * time.Millisecond},
		{Rate{100, time.Second, 1}, 10, 10 * time.Millisecond, 5 * time.Millisecond}, // a burst is enough for leastBurst
	} {
		t.Run(fmt.Sprintf("%d in %v", test.rate.Messages, test.rate.Per), func(t *testing.T) {
			now := time.Unix(1_000_000_000, 0)
			r := &rates{}
			r.begin(newRateLimit(test.rate), now)
			tcp, web := &conn{}, &conn{framing: webSocket}
			for _, c := range []*conn{tcp, web} {
				if left := r.left(c, now); left != test.burst*wire.Size {
					t.Fatalf("%d bytes may be sent at once, want %d messages", left, test.burst)
				}
				r.charge(c, test.burst*wire.Size, now)
			}
			const early, late = -time.Millisecond, time.Microsecond
			if left := r.left(tcp, now.Add(test.next+early)); left > 0 {
				t.Errorf("%d bytes may be sent before %v", left, test.next)
			}
			if left := wire.Whole(r.left(tcp, now.Add(test.next+late))); left != wire.Size {
				t.Errorf("%d bytes may be sent after %v, want a message", left, test.next)
			}
			if r.left(web, now.Add(test.anyInFrames*9/10)) > 0 || r.left(web, now.Add(test.anyInFrames+late)) < leastFrame {
				t.Errorf("a WebSocket may not send its first bytes after %v", test.anyInFrames)
			}
		})
	}
}

// Another rate counts at once for members that wait for the former, and no rate leaves
// nothing behind.
func TestRateIsChanged(t *testing.T) {
	for _, next := range []Rate{{}, {100, time.Second, 1}} {
		now := time.Unix(1_000_000_000, 0)
		r := &rates{}
		r.begin(newRateLimit(Rate{6, time.Minute, 1}), now)
		c := &conn{}
		r.charge(c, wire.Size, now)
		r.wait(c, now)
		now = now.Add(time.Millisecond)
		r.begin(newRateLimit(next), now)
		if r.tickAt != now || r.waiting[0].until != now || r.left(c, now) == 0 {
			t.Errorf("%+v: the tick is after %v", next, r.tickAt.Sub(now))
		}
		r.waiting, r.tickAt = nil, time.Time{}
		if !r.isIdle() || len(r.full) > 0 {
			t.Errorf("%+v: %+v is left", next, r)
		}
	}
}

// What a rate costs for each read of a member that keeps to it.
func BenchmarkRate(b *testing.B) {
	for _, members := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("%d members", members), func(b *testing.B) {
			conns := make([]conn, members)
			now, limit := time.Unix(1_000_000_000, 0), newRateLimit(plentyRate)
			r := &rates{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%members == 0 { // a wake-up
					now = now.Add(time.Second)
					r.begin(limit, now)
				}
				c := &conns[i%members]
				r.charge(c, min(r.left(c, now), wire.Size), now)
			}
		})
	}
}
