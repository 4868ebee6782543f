package cluster

import (
	"slices"
	"testing"
	"time"
)

// Bans that have ended or were removed are forgotten after some time, and no others.
func TestTidyBans(t *testing.T) {
	url := startNATS(t, natsOptions(t)).ClientURL()
	one := startPeer(t, url, "one")
	now := time.Now()
	eventually(t, "bans are there", func() bool { return one.SetBan(t.Context(), Ban{Key: "for good"}) == nil })
	for _, ban := range []Ban{
		{Key: "removed"},
		{Key: "ended", Until: now.Add(-2 * endedKept)},
		{Key: "ended just now", Until: now.Add(-endedKept / 2)},
		{Key: "ends", Until: now.Add(removedKept)},
	} {
		if err := one.SetBan(t.Context(), ban); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.RemoveBan(t.Context(), "removed"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		kept  []string
	}{
		{0, []string{"ended just now", "ends", "for good", "removed"}},
		{removedKept - time.Hour, []string{"ends", "for good", "removed"}},
		{removedKept + time.Minute, []string{"ends", "for good"}},
		{removedKept + 2*endedKept, []string{"for good"}},
	} {
		if err := one.tidyBans(t.Context(), now.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if kept := one.keptBans(t); !slices.Equal(kept, step.kept) {
			t.Errorf("after %v there are %q, want %q", step.after, kept, step.kept)
		}
	}
	two := startPeer(t, url, "two")
	eventually(t, "two knows the ban", func() bool { return slices.Equal(two.banned(), []string{"for good"}) })
}

// keptBans returns the keys of which the bucket has something.
func (p *testPeer) keptBans(t *testing.T) (keys []string) {
	t.Helper()
	bans, err := p.bucketOfBans()
	if err != nil {
		t.Fatal(err)
	}
	all, err := bans.WatchAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = all.Stop() }()
	for entry := range all.Updates() {
		if entry == nil {
			break
		}
		key, err := nameOf(entry.Key())
		if err != nil {
			t.Error(err)
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
