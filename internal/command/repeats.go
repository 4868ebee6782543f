package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"sop-chat/internal/repeat"
)

// How many similar records are written in a repeat.Window: about one address, and
// about all addresses together. Records about no address are of few kinds, so all
// of them together need no limit.
const (
	recordsEach  = 10
	recordsInAll = 50
)

// A repeatsHandler passes on log records. Of similar records in a window it passes
// on only the first ones, and then one that says how many more there were. So no
// client can fill a disk with records about it.
type repeatsHandler struct {
	slog.Handler
	state *repeatsState // shared by all handlers derived from the same one
}

type repeatsState struct {
	mu        sync.Mutex
	addressed *repeat.Counter[record]
	others    *repeat.Counter[record]
	to        slog.Handler // for sums
	timer     *time.Timer
}

// A record is what similar records have in common.
type record struct {
	level   slog.Level
	message string
	from    netip.Prefix // zero if it is about no address
}

// newRepeatsHandler returns a handler that passes records on to another. flush
// writes the remaining counts at the end.
func newRepeatsHandler(to slog.Handler) (h slog.Handler, flush func()) {
	s := &repeatsState{
		addressed: repeat.New[record](recordsEach, recordsInAll),
		others:    repeat.New[record](recordsEach, 0),
		to:        to,
	}
	s.timer = time.AfterFunc(repeat.Window, func() { s.flush(time.Now()) })
	return &repeatsHandler{to, s}, func() {
		s.flush(time.Time{})
		s.timer.Stop()
	}
}

func (h *repeatsHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.state.show(r) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

func (h *repeatsHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &repeatsHandler{h.Handler.WithAttrs(attrs), h.state}
}

func (h *repeatsHandler) WithGroup(name string) slog.Handler {
	return &repeatsHandler{h.Handler.WithGroup(name), h.state}
}

// show reports whether to write a record, and counts it if not.
func (s *repeatsState) show(r slog.Record) bool {
	if isAct(r) {
		return true
	}
	key := record{r.Level, r.Message, sourceOf(r)}
	counter := s.others
	if key.from.IsValid() {
		counter = s.addressed
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum(now)
	if counter.Show(key, now) {
		return true
	}
	s.schedule(now)
	return false
}

func (s *repeatsState) flush(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum(now)
	s.schedule(now)
}

// sum writes the counts that are due; the zero time writes all of them. The caller
// holds s.mu.
func (s *repeatsState) sum(now time.Time) {
	for _, c := range []*repeat.Counter[record]{s.addressed, s.others} {
		if due := c.Due(); due.IsZero() || !now.IsZero() && now.Before(due) {
			continue
		}
		for _, sum := range c.Take() {
			s.write(sum)
		}
	}
}

// schedule sets the timer for the next sum. The caller holds s.mu.
func (s *repeatsState) schedule(now time.Time) {
	next := s.addressed.Due()
	if due := s.others.Due(); next.IsZero() || !due.IsZero() && due.Before(next) {
		next = due
	}
	if !next.IsZero() {
		s.timer.Reset(next.Sub(now))
	}
}

func (s *repeatsState) write(sum repeat.Sum[record]) {
	message := "more was reported"
	if !sum.Others {
		message = sum.Key.message
	}
	r := slog.NewRecord(time.Now(), sum.Key.level, fmt.Sprintf("%s: and %s more in %s",
		message, humanize.Comma(int64(sum.Count)), repeat.Window), 0)
	switch {
	case sum.Others:
		r.AddAttrs(slog.String("address", "others"))
	case sum.Key.from.IsValid():
		r.AddAttrs(slog.String("address", repeat.Name(sum.Key.from)))
	}
	s.to.Handle(context.Background(), r) // slog itself ignores the error, too
}

// isAct reports whether a record says what an operator did. None of those is left out.
func isAct(r slog.Record) (is bool) {
	r.Attrs(func(a slog.Attr) bool {
		is = a.Key == actorKey
		return !is
	})
	return is
}

// sourceOf returns the source of the address that a record is about.
func sourceOf(r slog.Record) (from netip.Prefix) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "address" {
			return true
		}
		text := a.Value.String()
		if at, err := netip.ParseAddrPort(text); err == nil {
			from = repeat.Source(at.Addr())
		} else if addr, err := netip.ParseAddr(text); err == nil {
			from = repeat.Source(addr)
		}
		return false
	})
	return from
}
