//go:build linux

package server

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A costModel is a machine on which each mode has a price, which noise and outliers
// blur.
type costModel struct {
	rng     *rand.Rand
	chooser modeChooser

	price    [2]float64 // nanoseconds a byte, by mode
	noise    float64    // a lap's cost varies by that part
	outliers float64    // how many laps cost several times as much
	unknown  float64    // how many laps' cost is not known
	mixed    float64    // cost that the mode in use before causes meanwhile
	lap      int        // bytes, on average

	mode    sendMode // of the last lap
	late    float64  // still to be spent on the mode before, in nanoseconds
	spent   float64  // in all
	best    float64  // what the cheaper mode would have cost
	changes int
}

func drawCostModel(t *rapid.T) *costModel {
	seed := rapid.Uint64().Draw(t, "seed")
	m := &costModel{
		rng:      rand.New(rand.NewPCG(seed, 0)),
		noise:    rapid.Float64Range(0, 0.25).Draw(t, "noise"),
		outliers: rapid.Float64Range(0, 0.01).Draw(t, "outliers"),
		unknown:  rapid.Float64Range(0, 0.3).Draw(t, "unknown"),
		mixed:    rapid.Float64Range(0, 0.5).Draw(t, "mixed"),
		lap:      rapid.IntRange(2<<20, lapSize).Draw(t, "lap"),
	}
	m.chooser.limits = standardTrial
	price := rapid.Float64Range(0.05, 0.5)
	m.price[references] = price.Draw(t, "price of references")
	m.price[copies] = price.Draw(t, "price of copies")
	cheaper := m.cheaper()
	m.price[cheaper.other()] = m.price[cheaper] * rapid.Float64Range(1.12, 3).Draw(t, "ratio")
	return m
}

func (m *costModel) cheaper() sendMode {
	if m.price[copies] < m.price[references] {
		return copies
	}
	return references
}

// ratio returns how many times as much the dearer mode costs.
func (m *costModel) ratio() float64 {
	return m.price[m.cheaper().other()] / m.price[m.cheaper()]
}

// send sends one lap.
func (m *costModel) send() {
	mode := m.chooser.inUse
	if mode != m.mode {
		m.mode, m.late = mode, 4e6
	}
	bytes := m.lap/2 + m.rng.IntN(m.lap)
	blur := 1 + m.noise*(2*m.rng.Float64()-1)
	cost := float64(bytes) * m.price[mode]
	if m.late > 0 {
		m.late -= cost
		cost *= 1 + m.mixed
	}
	m.spent += cost
	m.best += float64(bytes) * m.price[m.cheaper()]
	if m.rng.Float64() < m.outliers {
		blur += 3 * m.rng.Float64()
	}
	known := time.Duration(cost * blur)
	if m.rng.Float64() < m.unknown {
		known = -known
	}
	if !m.chooser.measures() {
		known = 0
	}
	if m.chooser.add(mode, bytes, known) {
		m.changes++
	}
}

// spend sends for that much CPU time.
func (m *costModel) spend(d time.Duration) {
	for end := m.spent + float64(d); m.spent < end; {
		m.send()
	}
}

// Whatever the modes cost, the cheaper is found within two seconds of CPU time, and
// from then on trials cost less than one percent.
func TestCheaperModeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCostModel(t)
		m.spend(2 * time.Second)
		if m.chooser.mode != m.cheaper() {
			t.Fatalf("%v is kept to, and costs %.2f times as much", m.chooser.mode, m.ratio())
		}
		m.spent, m.best, m.changes = 0, 0, 0
		m.spend(30 * time.Second)
		if m.changes > 0 {
			t.Errorf("the mode changed %d times", m.changes)
		}
		if more := m.spent/m.best - 1; more > 0.01 {
			t.Errorf("it costs %.1f%% more than the cheaper mode alone", 100*more)
		}
	})
}

// What costs less may change at any time, and is then found again.
func TestChoiceFollowsAChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCostModel(t)
		m.spend(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
		m.price[references], m.price[copies] = m.price[copies], m.price[references]
		m.spend(time.Minute)
		if m.chooser.mode != m.cheaper() {
			t.Fatalf("%v is kept to, and costs %.2f times as much", m.chooser.mode, m.ratio())
		}
	})
}

// Modes that cost the same are not taken in turns, however much a measurement is
// off.
func TestChoiceDoesNotOscillate(t *testing.T) {
	minutes, changes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawCostModel(t)
		m.price[copies] = m.price[references] * rapid.Float64Range(0.98, 1.02).Draw(t, "near")
		m.spend(time.Minute)
		if m.changes > 5 {
			t.Errorf("the mode changed %d times", m.changes)
		}
		minutes, changes = minutes+1, changes+m.changes
	})
	// By chance it is 7 in 100 minutes, and 36 if a single win were enough.
	if most := minutes/4 + 3; changes > most {
		t.Errorf("the mode changed %d times in %d minutes, want %d at most", changes, minutes, most)
	}
}

// Where no cost is known, the mode stays, and hardly anything is sent in the other.
func TestChoiceWithoutCosts(t *testing.T) {
	c := modeChooser{limits: standardTrial}
	var tried int
	for range 100_000 {
		if c.inUse != references {
			tried++
		}
		if c.add(c.inUse, lapSize, 0) {
			t.Fatal("the mode changed")
		}
	}
	if tried > 0 {
		t.Errorf("the other mode was tried %d times", tried)
	}
}
