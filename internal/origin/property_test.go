package origin

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A model is a table that keeps everything there ever was, and looks all of it through
// for each answer.
type model struct {
	config  Config
	origins map[netip.Addr]*modelOrigin
}

type modelOrigin struct {
	wrong       []wrongKey
	looks       int // keys that are being looked at
	lookedAt    time.Time
	bans        []time.Time // their ends
	forgiven    []time.Time // a wrong key each
	window      time.Time   // when the window of those began
	next        time.Time
	connections []time.Time
}

type wrongKey struct {
	key string
	at  time.Time
}

func (m *model) of(from netip.Addr) *modelOrigin {
	if m.origins[from] == nil {
		m.origins[from] = new(modelOrigin)
	}
	return m.origins[from]
}

// banned returns the end of an origin's ban.
func (o *modelOrigin) banned(now time.Time) (until time.Time, is bool) {
	if n := len(o.bans); n > 0 && now.Before(o.bans[n-1]) {
		return o.bans[n-1], true
	}
	return until, false
}

// remember forgets what was too long ago.
func (m *model) remember(o *modelOrigin, now time.Time) {
	n := len(o.wrong)
	banOver := len(o.bans) > 0 && !now.Before(o.bans[len(o.bans)-1]) && n > 0 && !o.wrong[n-1].at.After(o.bans[len(o.bans)-1].Add(-m.config.Ban))
	if _, is := o.banned(now); !is && n > 0 && (banOver || now.Sub(o.wrong[n-1].at) >= max(leastMemory, m.config.Ban)) {
		o.wrong, o.next = nil, time.Time{}
	}
	if now.Sub(o.lookedAt) >= maxLook {
		o.looks = 0
	}
	if now.Sub(o.window) >= forgivenWindow {
		o.forgiven = nil
	}
}

func (m *model) delay(wrong int) time.Duration {
	switch n := wrong - m.config.Undelayed; {
	case n < 0:
		return 0
	case n < 10:
		return 250 * time.Millisecond
	case n < 20:
		return 500 * time.Millisecond
	case n < 30:
		return time.Second
	}
	return 2 * time.Second
}

func (m *model) look(from netip.Addr, now time.Time) (Verdict, time.Time) {
	o := m.of(from)
	m.remember(o, now)
	if until, is := o.banned(now); is {
		return Banned, until
	}
	if now.Before(o.next) {
		return Wait, o.next
	}
	n := len(o.wrong) + o.looks
	if m.config.Failures > 0 && n >= m.config.Failures {
		return Wait, now.Add(standardDelay)
	}
	o.looks++
	o.lookedAt = now
	o.next = now.Add(m.delay(n))
	return Pass, time.Time{}
}

func (m *model) wrong(from netip.Addr, key string, now time.Time) (banned bool) {
	o := m.of(from)
	m.remember(o, now)
	o.looks = max(0, o.looks-1)
	if _, is := o.banned(now); is {
		return false
	}
	for _, w := range o.wrong {
		if w.key == key {
			return false
		}
	}
	o.wrong = append(o.wrong, wrongKey{key, now})
	if m.config.Failures > 0 && len(o.wrong) >= m.config.Failures {
		o.bans = append(o.bans, now.Add(m.config.Ban))
		return true
	}
	return false
}

func (m *model) right(from netip.Addr, now time.Time) {
	o := m.of(from)
	m.remember(o, now)
	o.looks = max(0, o.looks-1)
	if _, is := o.banned(now); is {
		return
	}
	for len(o.wrong) > 0 && len(o.forgiven) < maxForgiven {
		if len(o.forgiven) == 0 {
			o.window = now
		}
		o.wrong = o.wrong[1:]
		o.forgiven = append(o.forgiven, now)
	}
	if next := now.Add(m.delay(len(o.wrong) + o.looks)); next.Before(o.next) {
		o.next = next
	}
}

// connect replays an origin's connections: each fills a bucket, which empties as fast as
// the rate says.
func (m *model) connect(from netip.Addr, now time.Time) Verdict {
	o := m.of(from)
	m.remember(o, now)
	if _, is := o.banned(now); is {
		return Banned
	}
	rate := m.config.ConnectRate
	if rate == 0 {
		return Pass
	}
	level, last := time.Duration(0), now
	for i, at := range o.connections {
		if i > 0 {
			level = max(0, level-at.Sub(last))
		}
		level, last = level+time.Minute/time.Duration(rate), at
	}
	level = max(0, level-now.Sub(last))
	if level+time.Minute/time.Duration(rate) > time.Minute {
		return TooFrequent
	}
	o.connections = append(o.connections, now)
	return Pass
}

// Whatever origins do, a table answers as a model that forgets nothing.
func TestTableAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := Config{
			Failures:    rapid.SampledFrom([]int{0, 1, 3, 50}).Draw(t, "failures"),
			Ban:         rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(t, "ban"),
			Undelayed:   rapid.IntRange(1, 25).Draw(t, "undelayed"),
			ConnectRate: rapid.SampledFrom([]int{0, 1, 7}).Draw(t, "rate"),
		}
		table, m := NewTable(config), &model{config, make(map[netip.Addr]*modelOrigin)}
		now := start
		some := rapid.Custom(func(t *rapid.T) netip.Addr { return address(rapid.IntRange(0, 3).Draw(t, "origin")) })
		give := func(t *rapid.T, from netip.Addr) {
			v, until := table.Look(from, now)
			if wantV, want := m.look(from, now); v != wantV || !until.Equal(want) {
				t.Fatalf("it %v until %v; the model says it %v until %v", v, until, wantV, want)
			}
			if v != Pass {
				return
			}
			switch what := rapid.IntRange(0, 9).Draw(t, "key"); what {
			case 0: // nobody says
			case 1, 2:
				table.Right(from, now)
				m.right(from, now)
			default:
				key := strconv.Itoa(rapid.IntRange(0, 60).Draw(t, "wrong"))
				_, banned := table.Wrong(from, []byte(key), now)
				if want := m.wrong(from, key, now); banned != want {
					t.Fatalf("banned %v, the model says %v", banned, want)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"give": func(t *rapid.T) { give(t, some.Draw(t, "from")) },
			"guess": func(t *rapid.T) {
				from := some.Draw(t, "from")
				for range rapid.IntRange(1, 70).Draw(t, "times") {
					give(t, from)
					now = now.Add(rapid.SampledFrom([]time.Duration{0, 250 * time.Millisecond, 2 * time.Second}).Draw(t, "pause"))
				}
			},
			"connect": func(t *rapid.T) {
				from := some.Draw(t, "from")
				if got, want := mayConnect(table, from, now), m.connect(from, now); got != want {
					t.Fatalf("it %v; the model says it %v", got, want)
				}
			},
			"pass": func(t *rapid.T) {
				most := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 2 * time.Hour}).Draw(t, "most")
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, "passed")))
			},
		})
	})
}
