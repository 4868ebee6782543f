//go:build linux

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
)

// simOrigins are a table of origins whose answers are checked, and which checks that the
// acceptor obeys it. It is shared with a page, on which keys are guessed, too.
type simOrigins struct {
	*origin.Table
	world  *world
	config origin.Config
	known  map[netip.Prefix]*simOrigin
	lists  origin.Lists
	denied netip.Addr // that the lists deny; the zero one is none

	looking map[netip.Addr]int // how many keys are being looked at

	waits, bans, refusals int
}

// A simOrigin is what a table must know of an origin.
type simOrigin struct {
	wrong    map[string]bool
	wrongAt  time.Time // when the last one came
	bannedTo time.Time
	next     time.Time // no key is looked at before
}

// drawOrigins has the world's server count wrong keys.
func (w *world) drawOrigins() *simOrigins {
	s := &simOrigins{world: w, known: make(map[netip.Prefix]*simOrigin), looking: make(map[netip.Addr]int)}
	s.config = origin.Config{
		Failures:    []int{0, 0, 1, 3, 10}[w.rng.IntN(5)],
		Ban:         time.Duration(1+w.rng.IntN(30)) * time.Second,
		Undelayed:   1 + w.rng.IntN(3),
		Delay:       time.Duration(1+w.rng.IntN(5000)) * time.Millisecond,
		ConnectRate: []int{0, 0, 60}[w.rng.IntN(3)],
		Trusted:     simProxies,
	}
	s.Table = origin.NewTable(s.config)
	return s
}

func (s *simOrigins) of(from netip.Addr) *simOrigin {
	source := repeat.Source(from)
	o := s.known[source]
	if o == nil {
		o = &simOrigin{wrong: make(map[string]bool)}
		s.known[source] = o
	}
	isOver := !o.bannedTo.IsZero() && !s.world.now.Before(o.bannedTo)
	isOld := o.bannedTo.IsZero() && len(o.wrong) > 0 && s.world.now.Sub(o.wrongAt) >= 15*time.Minute
	if isOver || isOld {
		*o = simOrigin{wrong: make(map[string]bool)}
	}
	return o
}

func (s *simOrigins) checkTime(now time.Time) {
	if !now.Equal(s.world.now) {
		s.world.failf("the origins are asked at %v, and it is %v", now, s.world.now)
	}
}

func (s *simOrigins) Connect(from netip.Addr, now time.Time) (origin.Verdict, time.Time) {
	s.checkTime(now)
	v, until := s.Table.Connect(from, now)
	if isBanned := !s.of(from).bannedTo.IsZero(); !isTrusted(from) && isBanned != (v == origin.Banned) && from != s.denied {
		s.world.failf("a connection from %v, banned %v, %v", from, isBanned, v)
	}
	if v != origin.Pass {
		s.refusals++
	}
	return v, until
}

func (s *simOrigins) Look(from netip.Addr, now time.Time) (origin.Verdict, time.Time) {
	s.checkTime(now)
	v, until := s.Table.Look(from, now)
	o := s.of(from)
	switch {
	case v == origin.Denied || isTrusted(from):
		return v, until
	case (v == origin.Banned) != !o.bannedTo.IsZero():
		s.world.failf("%v is banned until %v, and %v", from, o.bannedTo, v)
	case v == origin.Pass && now.Before(o.next):
		s.world.failf("a key of %v is looked at %v too early", from, o.next.Sub(now))
	case v == origin.Wait:
		s.waits++
	case v == origin.Pass:
		s.looking[from]++
		if len(o.wrong) >= s.config.Undelayed {
			o.next = now.Add(s.config.Delay)
		}
	}
	return v, until
}

func (s *simOrigins) Wrong(from netip.Addr, key []byte, now time.Time) (origin.Ban, bool) {
	s.checkTime(now)
	s.judged(from)
	if s.world.shared.find(key) != nil {
		s.world.failf("%q is wrong, and the key of a room", key)
	}
	if isTrusted(from) || !s.of(from).bannedTo.IsZero() {
		return s.Table.Wrong(from, key, now)
	}
	o := s.of(from)
	isNew := !o.wrong[string(key)]
	if isNew {
		o.wrong[string(key)], o.wrongAt = true, now
	}
	ban, isBanned := s.Table.Wrong(from, key, now)
	if want := isNew && len(o.wrong) == s.config.Failures; isBanned != want {
		s.world.failf("after %d wrong keys of %d, %v is banned: %v", len(o.wrong), s.config.Failures, from, isBanned)
	}
	if isBanned {
		s.bans++
		o.bannedTo = now.Add(s.config.Ban)
	}
	return ban, isBanned
}

func (s *simOrigins) Right(from netip.Addr, now time.Time) {
	s.checkTime(now)
	s.judged(from)
	s.Table.Right(from, now)
	if !s.of(from).bannedTo.IsZero() {
		return
	}
	*s.of(from) = simOrigin{wrong: make(map[string]bool)}
}

func (s *simOrigins) Skipped(from netip.Addr, now time.Time) {
	s.checkTime(now)
	s.judged(from)
	s.Table.Skipped(from, now)
}

func (s *simOrigins) judged(from netip.Addr) {
	if isTrusted(from) {
		return
	}
	if s.looking[from]--; s.looking[from] < 0 {
		s.world.failf("a key of %v was looked at without asking", from)
	}
}

func isTrusted(from netip.Addr) bool { return simProxies[0].Contains(from) }

// guessOnPage has somebody give a wrong key on the page.
func (w *world) guessOnPage() {
	from := w.someAddress()
	if v, _ := w.origins.Look(from, w.now); v == origin.Pass {
		w.origins.Wrong(from, []byte(w.wrongKey()), w.now)
	}
}

// deny has the lists deny another address, or none.
func (w *world) deny() {
	s := w.origins
	list, denied := (*origin.List)(nil), netip.Addr{}
	if w.chance(2) {
		denied = w.someAddress()
		list, _ = origin.ParseList(denied.String(), nil)
	}
	s.denied = denied
	s.lists = origin.Lists{Deny: list}
	s.SetLists(s.lists)
	for _, c := range w.clients {
		c.denied = c.denied || !c.over() && c.address().Addr() == denied
	}
	w.empty(emptying{cause: causeDenied})
}

// someAddress returns one of a few addresses.
func (w *world) someAddress() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(w.rng.IntN(3))})
}

// wrongKey returns one of a few wrong keys.
func (w *world) wrongKey() string {
	return fmt.Sprintf("wrong %d", w.rng.IntN(12))
}

// endedBecause checks why a connection ended that was no member. What a client does that
// gives a right key, it is let in in the end, unless there is a reason.
func (s *simOrigins) endedBecause(c *simClient, reason string) {
	w := s.world
	from := c.address().Addr()
	switch isBanned := !s.of(from).bannedTo.IsZero(); {
	case c.accepted:
	case reason == causeOrigin(origin.Banned).words && !isBanned:
		w.failf("%v ends, and its address is not banned", c)
	case reason == causeOrigin(origin.Denied).words && from != s.denied:
		w.failf("%v ends, and its address is not denied", c)
	case reason == causeOrigin(origin.TooFrequent).words && s.config.ConnectRate == 0:
		w.failf("%v ends, though it may connect as often as it likes", c)
	case reason == causeKey.words && w.shared.find([]byte(c.key)) != nil:
		w.failf("%v gave the right key, and ends for a wrong one", c)
	case (reason == causeTimeout.words || reason == causeDelayed.words) && w.now.Sub(c.arrivedAt) < simAuthTimeout:
		w.failf("%v ends after %v: %s", c, w.now.Sub(c.arrivedAt), reason)
	case reason == causeTimeout.words && c.whole > 0 && c.web == nil && c.header == 0 && !strings.Contains(c.key, ":") && len(c.socket.in) == 0 && w.faults == 0:
		w.failf("%v has sent its key, and ends: %s", c, reason)
	}
}

// A simLog reads from the server's log why connections ended.
type simLog struct {
	slog.Handler
	world *world
}

func (s *simLog) Enabled(context.Context, slog.Level) bool { return true }

func (s *simLog) Handle(_ context.Context, r slog.Record) error {
	var at netip.AddrPort
	reason := ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "address":
			at, _ = netip.ParseAddrPort(a.Value.String())
		case "reason":
			reason = a.Value.String()
		}
		return true
	})
	if !strings.HasPrefix(r.Message, "connection ended") || !at.IsValid() {
		return nil
	}
	for _, c := range s.world.clients {
		if c.address() == at {
			s.world.origins.endedBecause(c, reason)
		}
	}
	return nil
}
