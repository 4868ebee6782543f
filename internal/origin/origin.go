// Package origin decides from where clients may connect and how often they may
// try keys: it counts the wrong keys of each origin, delays and bans those that
// guess, bounds their new connections, and knows the addresses that are allowed
// or denied, and those that operators have banned.
//
// An origin is what counts as one address: an IPv4 address, or a network of 64
// bits of IPv6 (repeat.Source).
//
// It knows no clock, no connections and no rooms: times are passed in.
package origin

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/repeat"
)

// A Config says what origins may do.
type Config struct {
	// Failures is how many distinct wrong keys an origin may give before it is
	// banned, and Ban for how long it is then. With 0 none is ever banned.
	Failures int
	Ban      time.Duration
	// Undelayed is how many distinct wrong keys an origin may give before its keys
	// are delayed; 0 is 60. Delay is the first delay; 0 is a quarter of a second. It
	// grows eightfold.
	Undelayed int
	Delay     time.Duration
	// ConnectRate is how many connections an origin may open in a minute, and at
	// once after a minute without any; 0 is no limit.
	ConnectRate int
	// Trusted are the proxies through which clients come. Their own addresses are
	// never counted, delayed or banned.
	Trusted []netip.Prefix
	// Records is how many origins are remembered at a time; 0 is 65,536.
	Records int
}

const (
	standardUndelayed = 60 // a class of 30, in which each mistypes twice at the same moment
	standardDelay     = 250 * time.Millisecond
	standardRecords   = 1 << 16
)

// An origin's keys are looked at one after another. Each has to wait for a delay
// that grows with the number of wrong keys that came before it, also the right
// one, so that the time tells nothing about it. The delay is doubled after each
// delayStep wrong keys, maxDoublings times.
const (
	delayStep    = 10
	maxDoublings = 3
)

// delay returns how long an origin that has given a number of distinct wrong keys
// has to wait after one key for the next.
func (c *Config) delay(wrong int) time.Duration {
	if wrong < c.Undelayed {
		return 0
	}
	return c.Delay << min(maxDoublings, (wrong-c.Undelayed)/delayStep)
}

const (
	// leastMemory is for how long a wrong key is remembered at least after the last
	// one. It is Config.Ban if that is longer: stopping just before a ban gains nothing.
	leastMemory = 15 * time.Minute

	// A right key has the wrong ones before it forgotten, since its owner has probably
	// mistyped it. But a member could give its own key between guesses at that of
	// another room. So at most maxForgiven wrong keys of an origin are forgotten in
	// each forgivenWindow.
	maxForgiven    = 1000
	forgivenWindow = time.Hour

	// maxLook is how long it takes at most to look at a key. After that, it is assumed
	// that nobody will say whether it was right.
	maxLook = time.Minute
)

// A Verdict says whether an origin may do something.
type Verdict uint8

// The verdicts.
const (
	Pass        Verdict = iota
	Wait                // later; a key only
	Banned              // it has given too many wrong keys
	TooFrequent         // it has opened too many connections; a connection only
	Denied              // the lists say so
	Barred              // an operator has banned it
)

// String returns the reason that is logged.
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "may come"
	case Wait:
		return "has to wait after wrong keys"
	case Banned:
		return "is banned for wrong keys"
	case TooFrequent:
		return "opens too many connections"
	case Barred:
		return "is banned by an operator"
	}
	return "is not allowed"
}

// Among reports whether an address is in one of some networks, of which there are few; List
// is for many.
func Among(addr netip.Addr, networks []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("") // with a zone, it would be in none
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// A Ban is what is to be said when an origin is banned.
type Ban struct {
	Origin netip.Prefix
	Keys   int // how many distinct wrong keys it gave
	For    time.Duration
}

// Log logs a ban, once when it begins.
func (b Ban) Log(l *slog.Logger) {
	l.Warn("an address is banned, because it gave too many wrong keys",
		"address", repeat.Name(b.Origin), "keys", b.Keys, "for", b.For)
}
