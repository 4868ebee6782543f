// Package repeat bounds how many of a kind of event are shown: the first ones in a
// window of time are shown, and the others are counted by key. It knows no clock
// and no output.
package repeat

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Window is for how long events are counted before the count is shown.
const Window = 10 * time.Second

const (
	// maxKeys is how many keys are counted separately in one window. It bounds
	// the memory that is used.
	maxKeys = 1024
	// maxSums is how many keys have a sum of their own.
	maxSums = 20
)

// A Counter says which events to show. Events with the same key are of one kind.
type Counter[K comparable] struct {
	each, all int

	end     time.Time // of the window; zero if none has begun
	shown   int
	counts  map[K]*count
	hidden  uint64 // of all keys
	unkeyed uint64 // of those, the ones whose key is beyond maxKeys
}

type count struct {
	shown  int
	hidden uint64
}

// A Sum is how many events with one key were not shown in a window.
type Sum[K comparable] struct {
	Key    K
	Others bool // it counts various other keys instead
	Count  uint64
}

// New returns a counter that shows each events of each key in a window, and all
// events in total; for all, 0 is no limit.
func New[K comparable](each, all int) *Counter[K] {
	return &Counter[K]{each: each, all: all, counts: make(map[K]*count)}
}

// Show reports whether to show an event. If not, it is counted.
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
		c.unkeyed++
	}
	c.hidden++
	return false
}

// Due returns when the sums of the window are to be shown; the zero time if there
// are none.
func (c *Counter[K]) Due() time.Time {
	if c.hidden == 0 {
		return time.Time{}
	}
	return c.end
}

// Take ends the window and returns the sums of what was not shown in it, the
// largest first, and that of various keys last.
func (c *Counter[K]) Take() []Sum[K] {
	var sums []Sum[K]
	for key, of := range c.counts {
		if of.hidden > 0 {
			sums = append(sums, Sum[K]{Key: key, Count: of.hidden})
		}
	}
	slices.SortFunc(sums, func(a, b Sum[K]) int { return cmp.Compare(b.Count, a.Count) })
	others := c.unkeyed
	for len(sums) > maxSums {
		others += sums[len(sums)-1].Count
		sums = sums[:len(sums)-1]
	}
	if others > 0 {
		sums = append(sums, Sum[K]{Others: true, Count: others})
	}
	clear(c.counts)
	c.end, c.shown, c.hidden, c.unkeyed = time.Time{}, 0, 0, 0
	return sums
}

func (c *Counter[K]) begin(now time.Time) {
	clear(c.counts)
	c.end, c.shown, c.hidden, c.unkeyed = now.Add(Window), 0, 0, 0
}

// Source returns what counts as one address, the key for rate limits: for IPv6 the
// network of 64 bits, since one host can have every address in it.
func Source(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() && !addr.IsLoopback() {
		bits = 64
	}
	source, _ := addr.Prefix(bits) // the zero one for the zero address
	return source
}

// Network returns what may well belong to the owner of a source: 48 bits of IPv6, 24 of
// IPv4.
func Network(source netip.Prefix) netip.Prefix {
	bits := 48
	if source.Addr().Is4() {
		bits = 24
	}
	network, _ := source.Addr().Prefix(bits) // the zero one for the zero source
	return network
}

// Name returns a source as it is shown: the address if it is a single one, and the
// network otherwise.
func Name(source netip.Prefix) string {
	if source.IsSingleIP() {
		return source.Addr().String()
	}
	return source.String()
}
