package origin

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// A Saved is what a Table remembers, as a value from which another process can go on. Its
// times are those of the table.
type Saved struct {
	At      time.Duration `json:"at"`     // when it was saved
	Secret  []byte        `json:"secret"` // of the digests of keys
	Records []SavedRecord `json:"records,omitempty"`
	Manual  []Listed      `json:"manual,omitempty"` // bans of operators
}

// A SavedRecord is what is remembered of an origin.
type SavedRecord struct {
	Origin      netip.Prefix  `json:"origin"`
	ChangedAt   time.Duration `json:"changed_at"`
	Wrong       int           `json:"wrong,omitempty"`
	Keys        []uint32      `json:"keys,omitempty"`
	WrongAt     time.Duration `json:"wrong_at,omitempty"`
	Looks       int           `json:"looks,omitempty"`
	LookedAt    time.Duration `json:"looked_at,omitempty"`
	Next        time.Duration `json:"next,omitempty"`
	BannedTo    time.Duration `json:"banned_to,omitempty"`
	Forgiven    int           `json:"forgiven,omitempty"`
	ForgivenTo  time.Duration `json:"forgiven_to,omitempty"`
	ConnectedTo time.Duration `json:"connected_to,omitempty"`
}

// Save returns what the table remembers; nil of a nil table.
func (t *Table) Save(now time.Time) *Saved {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Saved{At: t.begin(now), Secret: slices.Clone(t.secret[:]), Manual: t.manualBans(now)}
	for _, r := range t.records {
		s.Records = append(s.Records, SavedRecord{
			r.origin, r.changedAt, r.wrong, slices.Clone(r.keys), r.wrongAt, r.looks, r.lookedAt, r.next, r.bannedTo,
			r.forgiven, r.forgivenTo, r.connectedTo,
		})
	}
	return s
}

// Restore has a table that has heard of no origin remember what was saved some time ago. If
// its configuration permits fewer records, some are forgotten. What can't be is left out, and
// that is the error.
func (t *Table) Restore(s *Saved, now time.Time, ago time.Duration) error {
	if t == nil || s == nil {
		return nil
	}
	if len(s.Secret) != sha256.Size || s.At < 0 || s.At > 1<<61 {
		return fmt.Errorf("what was saved of origins is invalid: a secret of size %d, saved at %v", len(s.Secret), s.At)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	copy(t.secret[:], s.Secret)
	t.base = now.Add(-s.At - ago)
	all := slices.DeleteFunc(slices.Clone(s.Manual), func(b Listed) bool { return !b.Network.IsValid() || b.Network != b.Network.Masked() })
	all = all[:min(len(all), MaxManual)]
	t.setManual(all)
	invalid := len(s.Manual) - len(all)
	for i := range s.Records {
		from := &s.Records[i]
		if !from.isValid() || t.byOrigin[from.Origin] != nil {
			invalid++
			continue
		}
		r := t.add(from.Origin, from.ChangedAt)
		*r = record{
			from.Origin, r.index, from.ChangedAt, from.Wrong, slices.Clone(from.Keys), from.WrongAt, from.Looks, from.LookedAt, from.Next, from.BannedTo,
			from.Forgiven, from.ForgivenTo, from.ConnectedTo,
		}
		t.ranks[r.index] = r.rank()
	}
	if invalid > 0 {
		return fmt.Errorf("%d of the %d origins that were saved are invalid", invalid, len(s.Records)+len(s.Manual))
	}
	return nil
}

func (r *SavedRecord) isValid() bool {
	for _, d := range []time.Duration{r.ChangedAt, r.WrongAt, r.LookedAt, r.Next, r.BannedTo, r.ForgivenTo, r.ConnectedTo} {
		if d < 0 || d > 1<<61 {
			return false
		}
	}
	return r.Origin.IsValid() && r.Origin == r.Origin.Masked() && r.Wrong >= 0 && r.Wrong <= 1<<30 && r.Looks >= 0 && r.Looks <= 1<<30 &&
		r.Forgiven >= 0 && r.Forgiven <= maxForgiven && len(r.Keys) <= min(maxKeys, max(r.Wrong, 0))
}
