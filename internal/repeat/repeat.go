// Package repeat bounds what is shown of events that repeat: the first ones in
// a window of time are, the others are counted by where they come from. It
// knows no clock and no output.
package repeat

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Window is how long is counted before the count is shown.
const Window = 10 * time.Second

const (
	// maxKeys is how many keys are counted apart in one window, which bounds
	// what is kept.
	maxKeys = 1024
	// maxSums is how many of them have a sum of their own.
	maxSums = 20
)

// A Counter says which events to show. Those with the same key are alike.
type Counter[K comparable] struct {
	each, all int

	end     time.Time // of the window; zero if none has begun
	shown   int
	counts  map[K]*count
	hidden  uint64 // of all keys
	unnamed uint64 // of those, the ones of keys beyond maxKeys
}

type count struct {
	shown  int
	hidden uint64
}

// A Sum is how many events with a key were not shown in a window.
type Sum[K comparable] struct {
	Key    K
	Others bool // it is about various keys instead
	Count  uint64
}

// New returns a counter that has so many events shown in a window of each key,
// and so many of all together; 0 is no limit on those.
func New[K comparable](each, all int) *Counter[K] {
	return &Counter[K]{each: each, all: all, counts: make(map[K]*count)}
}

// Show reports whether an event is to be shown. If it is not, it is counted.
func (c *Counter[K]) Show(key K, now time.Time) bool {
	if c.hidden == 0 && !now.Before(c.end) {
		c.begin(now)
	}
	of := c.counts[key]
	if of == nil && len(c.counts) < maxKeys {
		of = new(count)
		c.counts[key] = of
	}
	within := c.all == 0 || c.shown < c.all
	switch {
	case of != nil && of.shown < c.each && within:
		of.shown++
		c.shown++
		return true
	case of != nil:
		of.hidden++
	default:
		c.unnamed++
	}
	c.hidden++
	return false
}

// Due returns when the sums of the window are to be shown; the zero time if
// there is none.
func (c *Counter[K]) Due() time.Time {
	if c.hidden == 0 {
		return time.Time{}
	}
	return c.end
}

// Take ends the window and returns what was not shown in it, the most first,
// and that of various keys last.
func (c *Counter[K]) Take() []Sum[K] {
	var sums []Sum[K]
	for key, of := range c.counts {
		if of.hidden > 0 {
			sums = append(sums, Sum[K]{Key: key, Count: of.hidden})
		}
	}
	slices.SortFunc(sums, func(a, b Sum[K]) int { return cmp.Compare(b.Count, a.Count) })
	others := c.unnamed
	for len(sums) > maxSums {
		others += sums[len(sums)-1].Count
		sums = sums[:len(sums)-1]
	}
	if others > 0 {
		sums = append(sums, Sum[K]{Others: true, Count: others})
	}
	clear(c.counts)
	c.end, c.shown, c.hidden, c.unnamed = time.Time{}, 0, 0, 0
	return sums
}

func (c *Counter[K]) begin(now time.Time) {
	clear(c.counts)
	c.end, c.shown, c.hidden, c.unnamed = now.Add(Window), 0, 0, 0
}

// Source returns what counts as one address: for IPv6 the network of 64 bits
// of which one host can have every address.
func Source(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLoopback() {
		bits = 64
	}
	source, _ := addr.Prefix(bits) // the zero one for the zero address
	return source
}

// Name returns how a source is shown: as the address if it is a single one.
func Name(source netip.Prefix) string {
	if source.IsSingleIP() {
		return source.Addr().String()
	}
	return source.String()
}
