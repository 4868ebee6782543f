package console

import (
	"net/netip"
	"strconv"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/repeat"
)

// What a line is written for again and again would fill a disk, and hide all
// else: wrong keys, and clients that join and leave in a loop. So of each
// address the first few in a window are shown, then how many more there were.
const (
	refusalsEach, refusalsInAll = 10, 50  // by strangers
	joinsEach, joinsInAll       = 50, 500 // by those that know the key; a class may come at once
)

// repeats says which notices of a room are shown. The zero value has counted none, and
// that is what it comes back to.
type repeats struct {
	counters [kinds]*repeat.Counter[repeated] // nil while no window has begun
	unseen   map[uint64]struct{}              // those inside whose joining was not shown: nor is their leaving
}

// A kind is of the notices that are counted together.
type kind uint8

const (
	refusals kind = iota
	joins
	kinds
)

// What is said of notices from various addresses.
var kindNames = [kinds]string{"refused", "accepted"}

// A repeated is what is the same of notices that are alike.
type repeated struct {
	from netip.Prefix
	what string
}

func newCounter(k kind) *repeat.Counter[repeated] {
	if k == refusals {
		return repeat.New[repeated](refusalsEach, refusalsInAll)
	}
	return repeat.New[repeated](joinsEach, joinsInAll)
}

// A window is the time in which a feed's notices of a kind are counted.
type window struct {
	feed *feed
	kind kind
	end  time.Time
}

// show reports whether a notice of a feed is to be shown. What happens to one client
// is shown as a whole or not at all.
func (c *Console) show(f *feed, n *broadcast.Notice, now time.Time) bool {
	if n.From == nil {
		return true
	}
	from := repeat.Source(n.From.Addr.Addr())
	_, unseen := f.unseen[n.From.ID]
	switch n.Kind {
	case broadcast.Refused:
		return c.counter(f, refusals, now).Show(repeated{from, "refused, " + n.Reason}, now)
	case broadcast.Accepted:
		if c.counter(f, joins, now).Show(repeated{from, "accepted"}, now) {
			return true
		}
		if f.unseen == nil {
			f.unseen = make(map[uint64]struct{})
		}
		f.unseen[n.From.ID] = struct{}{}
		return false
	case broadcast.Left:
		if delete(f.unseen, n.From.ID); len(f.unseen) == 0 {
			f.unseen = nil
		}
	}
	return !unseen
}

// counter returns the counter of a feed's notices, whose window may begin now.
func (c *Console) counter(f *feed, k kind, now time.Time) *repeat.Counter[repeated] {
	if f.counters[k] == nil {
		f.counters[k] = newCounter(k)
		c.windows = append(c.windows, window{f, k, now.Add(repeat.Window)}) // the last to end
	}
	return f.counters[k]
}

// due returns when the first window ends; the zero time if there is none.
func (c *Console) due() time.Time {
	if len(c.windows) == 0 {
		return time.Time{}
	}
	return c.windows[0].end
}

// printRepeats ends the windows that are over.
func (c *Console) printRepeats(now time.Time) {
	for len(c.windows) > 0 && !now.Before(c.windows[0].end) {
		c.endWindow(c.windows[0].feed, c.windows[0].kind)
		if c.windows = c.windows[1:]; len(c.windows) == 0 {
			c.windows = nil
		}
	}
}

// endWindow prints what was not shown in a window.
func (c *Console) endWindow(f *feed, k kind) {
	if f.counters[k] == nil {
		return // it has ended with its feed
	}
	for _, sum := range f.counters[k].Take() {
		if sum.Others {
			sum.Key.what = kindNames[k]
		}
		c.out.buf = c.format.repeated(c.out.buf, f.tag, sum, time.Now())
		c.out.endLine(f, counts{events: sum.Count})
	}
	f.counters[k] = nil
}

func (t *textFormat) repeated(dst []byte, tag string, sum repeat.Sum[repeated], now time.Time) []byte {
	dst = t.beginOurs(dst, tag, now)
	dst = append(dst, "and "...)
	dst = appendThousands(dst, sum.Count)
	dst = append(dst, " more in "...)
	dst = strconv.AppendInt(dst, int64(repeat.Window/time.Second), 10)
	dst = append(dst, " s from "...)
	switch {
	case sum.Others:
		dst = append(dst, "other addresses"...)
	case sum.Key.from.IsValid():
		dst = append(dst, repeat.Name(sum.Key.from)...)
	default:
		dst = append(dst, "an unknown address"...)
	}
	dst = append(dst, ": "...)
	return t.endOurs(append(dst, sum.Key.what...))
}

func (j *jsonFormat) repeated(dst []byte, tag string, sum repeat.Sum[repeated], now time.Time) []byte {
	dst = j.begin(dst, tag, now, "repeated")
	if sum.Key.from.IsValid() {
		dst = appendField(dst, "address", []byte(repeat.Name(sum.Key.from)))
	}
	dst = appendField(dst, "reason", []byte(sum.Key.what))
	dst = append(dst, `,"count":`...)
	dst = strconv.AppendUint(dst, sum.Count, 10)
	dst = append(dst, `,"seconds":`...)
	dst = strconv.AppendInt(dst, int64(repeat.Window/time.Second), 10)
	return append(dst, "}\n"...)
}

// appendThousands appends a number with commas.
func appendThousands(dst []byte, n uint64) []byte {
	digits := strconv.FormatUint(n, 10)
	for i := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, digits[i])
	}
	return dst
}
