package origin

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"sop-chat/internal/repeat"
)

// A Listed is a ban that is in force.
type Listed struct {
	Network netip.Prefix `json:"network"`
	Until   time.Time    `json:"until,omitzero"`   // the zero time is until it is removed
	Keys    int          `json:"keys,omitempty"`   // wrong keys for which an origin is banned; 0 if an operator has done it
	Reason  string       `json:"reason,omitempty"` // an operator's, which may be empty
	By      string       `json:"by,omitempty"`     // which operator
}

// is reports whether a ban is the same as another.
func (l Listed) is(other Listed) bool {
	until, otherUntil := l.Until, other.Until
	l.Until, other.Until = time.Time{}, time.Time{}
	return l == other && until.Equal(otherUntil)
}

// manual are the bans of operators. It does not change; another takes its place.
type manual struct {
	all      []Listed // in order
	networks bart.Table[time.Time]
	first    time.Time // when the first of them ends; zero if none does
}

// MaxManual is how many bans of operators there may be.
const MaxManual = 10_000

// A TrustedError says that a network can't be banned, because of a trusted proxy.
type TrustedError struct{ Network, Proxy netip.Prefix }

func (e *TrustedError) Error() string {
	return fmt.Sprintf("%s is that of a trusted proxy (%s), which all its clients come through", repeat.Name(e.Network), repeat.Name(e.Proxy))
}

// ParseNetwork parses a network, or an address, which stands for its origin.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return repeat.Source(addr), nil
	}
	return parseNetwork(text)
}

var errTooManyBans = errors.New("there are too many bans; --deny takes a file of any size")

// Ban bans a network, until a time unless that is zero, for an operator. A ban that there
// is of the same network is replaced.
func (t *Table) Ban(b Listed, now time.Time) error {
	_, err := t.BanAll([]Listed{b}, now)
	return err
}

// BanAll bans networks as Ban does, and returns those whose bans are new or other ones than
// before. What can't be banned is left out, and that is the error.
func (t *Table) BanAll(bans []Listed, now time.Time) (changed []Listed, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.manualBans(now)
	at := make(map[netip.Prefix]int, len(all))
	for i, b := range all {
		at[b.Network] = i
	}
	var errs []error
	for _, b := range bans {
		i, has := at[b.Network]
		switch err := t.checkTrusted(b.Network); {
		case err != nil:
			errs = append(errs, err)
			continue
		case has && all[i].is(b):
			continue
		case has:
			all[i] = b
		case len(all) >= MaxManual:
			return changed, errors.Join(append(errs, errTooManyBans)...)
		default:
			at[b.Network] = len(all)
			all = append(all, b)
		}
		changed = append(changed, b)
	}
	if len(changed) > 0 {
		t.setManual(all)
	}
	return changed, errors.Join(errs...)
}

// checkTrusted returns an error if a network can't be banned, because of a trusted proxy.
func (t *Table) checkTrusted(network netip.Prefix) error {
	for _, proxy := range t.config.Trusted {
		if network.Bits() >= proxy.Bits() && proxy.Contains(network.Addr()) {
			return &TrustedError{network, proxy}
		}
	}
	return nil
}

// Lift removes the bans that operators have made of networks, and returns them.
func (t *Table) Lift(networks []netip.Prefix, now time.Time) (lifted []Listed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := make(map[netip.Prefix]bool, len(networks))
	for _, n := range networks {
		to[n] = true
	}
	all := slices.DeleteFunc(t.manualBans(now), func(b Listed) bool {
		if to[b.Network] {
			lifted = append(lifted, b)
		}
		return to[b.Network]
	})
	if len(lifted) > 0 {
		t.setManual(all)
	}
	return lifted
}

// Unban removes the bans of a network, and of all origins in it that are banned for wrong
// keys, which are forgotten. It returns those that it has removed.
func (t *Table) Unban(network netip.Prefix, now time.Time) []Listed {
	removed := t.Lift([]netip.Prefix{network}, now)
	t.eachBanned(now, func(r *record, b Listed) {
		if network.Overlaps(b.Network) {
			removed = append(removed, b)
			t.remove(r)
		}
	})
	return removed
}

// Bans returns the bans that are in force: those of operators, and those for wrong keys.
func (t *Table) Bans(now time.Time) []Listed {
	t.mu.Lock()
	all := t.manualBans(now)
	t.mu.Unlock()
	t.eachBanned(now, func(_ *record, b Listed) { all = append(all, b) })
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(a.Network.Addr().Compare(b.Network.Addr()), cmp.Compare(a.Network.Bits(), b.Network.Bits()))
	})
	return slices.CompactFunc(all, func(a, b Listed) bool { return a == b }) // see eachBanned
}

// stepSize is how many records are looked at while the lock is held.
const stepSize = 256

// eachBanned calls do with each origin that is banned for wrong keys, with the lock held.
// It does not hold the lock all the time. It goes from the last record to the first: one
// that is removed is replaced by the last, which may be seen twice, but is never left out.
func (t *Table) eachBanned(now time.Time, do func(*record, Listed)) {
	for next := -1; next != 0; {
		t.mu.Lock()
		at := t.begin(now)
		if next < 0 || next > len(t.records) {
			next = len(t.records)
		}
		for range min(stepSize, next) {
			next--
			r := t.records[next]
			if r.update(at, t.memory); r.isBanned() {
				do(r, Listed{Network: r.origin, Until: t.base.Add(r.bannedTo), Keys: r.wrong})
			}
			next = min(next, len(t.records))
		}
		t.mu.Unlock()
	}
}

// barred reports whether an operator has banned an address, and until when; the zero time
// is for good.
func (t *Table) barred(from netip.Addr, now time.Time) (until time.Time, is bool) {
	m := t.manual.Load()
	if m == nil {
		return until, false
	}
	if !m.first.IsZero() && !now.Before(m.first) {
		t.mu.Lock()
		t.setManual(t.manualBans(now))
		t.mu.Unlock()
		return t.barred(from, now)
	}
	return m.networks.Lookup(from.Unmap().WithZone(""))
}

// manualBans returns a copy of the bans of operators that are in force. The caller holds
// the lock.
func (t *Table) manualBans(now time.Time) []Listed {
	m := t.manual.Load()
	if m == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(m.all), func(b Listed) bool { return !b.Until.IsZero() && !now.Before(b.Until) })
}

// setManual replaces the bans of operators. The caller holds the lock.
func (t *Table) setManual(all []Listed) {
	if len(all) == 0 {
		t.manual.Store(nil)
		return
	}
	m := &manual{all: all}
	for _, b := range all {
		m.networks.Insert(b.Network, b.Until)
		if !b.Until.IsZero() && (m.first.IsZero() || b.Until.Before(m.first)) {
			m.first = b.Until
		}
	}
	t.manual.Store(m)
}
