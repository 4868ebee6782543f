package certs

import (
	"crypto/x509"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Each certificate is warned of at the times that its validity leaves.
func TestExpiry(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	for validity, want := range map[time.Duration][]time.Duration{
		90 * day:       {14 * day, 7 * day, day, 0},
		47 * day:       {7 * day, day, 0},
		6*day + day/2:  {day, 0},
		24 * time.Hour: {0},
	} {
		leaf := &x509.Certificate{NotBefore: begin, NotAfter: begin.Add(validity), Raw: []byte{1}}
		var e expiry
		var got []time.Duration
		for now := begin; now.Before(leaf.NotAfter.Add(30 * day)); now = now.Add(time.Hour) {
			if e.due(leaf, now) {
				got = append(got, leaf.NotAfter.Sub(now))
			}
		}
		if len(got) != len(want) {
			t.Errorf("of %s, warned before %s, want %s", validity, got, want)
			continue
		}
		for i, before := range want {
			if got[i] > before || got[i] <= before-time.Hour {
				t.Errorf("of %s, warned before %s, want %s", validity, got, want)
			}
		}
	}
}

// However time passes and whatever is renewed, a warning says something new: nearer to
// the end than the last one, or of another certificate.
func TestExpiryProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		var e expiry
		leaf := &x509.Certificate{}
		level := 0 // how many of the times before its end have passed unsaid or said
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			if i == 0 || rapid.Bool().Draw(t, "renew") {
				validity := time.Duration(rapid.IntRange(1, 100).Draw(t, "days")) * day
				leaf = &x509.Certificate{NotBefore: now, NotAfter: now.Add(validity), Raw: []byte{byte(i), 1}}
				level = 0
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 30*24).Draw(t, "hours")) * time.Hour)
			passed := 0
			for _, before := range []time.Duration{14 * day, 7 * day, day, 0} {
				if !now.Before(leaf.NotAfter.Add(-before)) && (before == 0 || leaf.NotAfter.Sub(leaf.NotBefore) >= maxShare*before) {
					passed++
				}
			}
			if due := e.due(leaf, now); due != (passed > level) {
				t.Fatalf("due is %v, with %d passed and %d said", due, passed, level)
			}
			level = passed
		}
	})
}
