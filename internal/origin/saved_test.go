package origin

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

// goOn returns a table of another process, which goes on some time later.
func goOn(t *testing.T, table *Table, c Config, now time.Time, later time.Duration) (*Table, error) {
	t.Helper()
	text, err := json.Marshal(table.Save(now))
	if err != nil {
		t.Fatal(err)
	}
	s := new(Saved)
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	again := NewTable(c)
	return again, again.Restore(s, now.Add(later), later)
}

// Bans, wrong keys and connections outlive a hand-over, and end when they would have ended.
func TestHandOver(t *testing.T) {
	c := Config{Failures: 3, Ban: time.Hour, Undelayed: 5, ConnectRate: 1}
	table := NewTable(c)
	now := start
	for _, key := range []string{"1", "2", "3"} {
		now, _ = guess(t, table, eve, key, now)
	}
	guess(t, table, alice, "1", now)
	guess(t, table, alice, "2", now)
	mayConnect(table, alice, now)
	if err := table.Ban(Listed{Network: network("10.0.0.0/8"), Reason: "spam", By: "root"}, now); err != nil {
		t.Fatal(err)
	}
	const later = time.Second
	again, err := goOn(t, table, c, now, later)
	if err != nil || again.Len() != table.Len() {
		t.Fatalf("%d of %d origins, %v", again.Len(), table.Len(), err)
	}
	v, until := again.Banned(eve, now.Add(later))
	if v != Banned || !until.Equal(now.Add(c.Ban)) {
		t.Errorf("banned until %v, %v; want %v", until, v, now.Add(c.Ban))
	}
	if bans := again.Bans(now.Add(later)); len(bans) != 2 || bans[0].Reason != "spam" || mayConnect(again, netip.MustParseAddr("10.1.1.1"), now) != Barred {
		t.Errorf("the bans are %v", bans)
	}
	now = now.Add(later)
	if v := mayConnect(again, alice, now); v != TooFrequent {
		t.Errorf("it may connect again at once: %v", v)
	}
	if _, isBanned := guess(t, again, alice, "2", now); isBanned {
		t.Error("a wrong key that came before is counted again")
	}
	if _, isBanned := guess(t, again, alice, "3", now); !isBanned {
		t.Error("the wrong keys before are forgotten")
	}
	if v, _ := again.Banned(eve, now.Add(c.Ban)); v != Pass {
		t.Error("the ban does not end")
	}
	var none *Table
	if none.Save(now) != nil || none.Restore(new(Saved), now, 0) != nil {
		t.Error("a table that there is not has something to hand over")
	}
}

// What can't have been saved is left out, and the rest is restored.
func TestRestoreInvalid(t *testing.T) {
	table := NewTable(Config{})
	guess(t, table, alice, "1", start)
	valid := func() *Saved { return table.Save(start) }
	for what, spoil := range map[string]func(*Saved){
		"a short secret":    func(s *Saved) { s.Secret = nil },
		"a negative time":   func(s *Saved) { s.At = -1 },
		"no origin":         func(s *Saved) { s.Records = append(s.Records, SavedRecord{}) },
		"one twice":         func(s *Saved) { s.Records = append(s.Records, s.Records[0]) },
		"too many keys":     func(s *Saved) { s.Records[0].Keys = make([]uint32, 2) },
		"fewer than none":   func(s *Saved) { s.Records[0].Wrong = -1 },
		"a time too far":    func(s *Saved) { s.Records[0].BannedTo = 1 << 62 },
		"too much forgiven": func(s *Saved) { s.Records[0].Forgiven = maxForgiven + 1 },
	} {
		s := valid()
		spoil(s)
		if err := NewTable(Config{}).Restore(s, start, 0); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	s := valid()
	for range 3 {
		s.Records = append(s.Records, SavedRecord{})
	}
	again := NewTable(Config{})
	if err := again.Restore(s, start, 0); err == nil || again.Len() != 1 {
		t.Errorf("%d origins, %v", again.Len(), err)
	}
}
