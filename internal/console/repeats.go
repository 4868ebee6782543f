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

// repeats says which notices are shown.
type repeats struct {
	refusals, joins *repeat.Counter[repeated]
	unseen          map[uint64]struct{} // those inside whose joining was not shown: nor is their leaving
}

// A repeated is what is the same of notices that are alike.
type repeated struct {
	from netip.Prefix
	what string
}

func newRepeats() repeats {
	return repeats{
		refusals: repeat.New[repeated](refusalsEach, refusalsInAll),
		joins:    repeat.New[repeated](joinsEach, joinsInAll),
		unseen:   make(map[uint64]struct{}),
	}
}

// show reports whether a notice is to be shown. What happens to one client is
// shown as a whole or not at all.
func (r *repeats) show(n *broadcast.Notice, now time.Time) bool {
	from := repeat.Source(n.From.Addr.Addr())
	_, unseen := r.unseen[n.From.ID]
	switch n.Kind {
	case broadcast.Refused:
		return r.refusals.Show(repeated{from, "refused, " + n.Reason}, now)
	case broadcast.Accepted:
		if !r.joins.Show(repeated{from, "accepted"}, now) {
			r.unseen[n.From.ID] = struct{}{}
			return false
		}
		return true
	case broadcast.Left:
		delete(r.unseen, n.From.ID)
	}
	return !unseen
}

// missed is called when notices were left out: which of the unseen have left is
// then not known.
func (r *repeats) missed() { clear(r.unseen) }

// due returns when there is something to say about what was not shown; the zero
// time if there is nothing.
func (r *repeats) due() time.Time {
	a, b := r.refusals.Due(), r.joins.Due()
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// take returns what there is to say by now; the zero time is the end.
func (r *repeats) take(now time.Time) (sums []repeat.Sum[repeated]) {
	for _, of := range []struct {
		counter *repeat.Counter[repeated]
		what    string
	}{{r.refusals, "refused"}, {r.joins, "accepted"}} {
		if due := of.counter.Due(); due.IsZero() || !now.IsZero() && now.Before(due) {
			continue
		}
		for _, sum := range of.counter.Take() {
			if sum.Others {
				sum.Key.what = of.what
			}
			sums = append(sums, sum)
		}
	}
	return sums
}

func (t *textFormat) repeated(dst []byte, sum repeat.Sum[repeated], now time.Time) []byte {
	dst = t.beginOurs(dst, now)
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

func (j *jsonFormat) repeated(dst []byte, sum repeat.Sum[repeated], now time.Time) []byte {
	dst = j.begin(dst, now, "repeated")
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
