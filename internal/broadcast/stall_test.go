package broadcast

import (
	"testing"
	"time"
)

// A client is disconnected when it has held the room for a timeout in all within
// ten minutes, or pressed it and taken less than a segment in a timeout and an
// eighth; and only then.
func TestStall(t *testing.T) {
	const (
		s       = SegmentSize
		backlog = 16 * s
		timeout = 10 * time.Second

		low  = 8*s - s + 1 // the least lag that keeps the room pressed
		high = 15*s + 1    // and that keeps it held
	)
	// A phase is some seconds in which the client lags by behind, and takes that
	// much each second, while others send as much.
	type phase struct {
		seconds int
		state   string // of the room: free, pressed or held
		behind  int
		takes   int
	}
	repeat := func(n int, phases ...phase) (all []phase) {
		for range n {
			all = append(all, phases...)
		}
		return all
	}
	for _, test := range []struct {
		what   string
		phases []phase
		after  int // seconds until it is disconnected
		why    Verdict
	}{
		{"lags for hours in a free room", []phase{{7200, "free", high, 0}}, 0, MayStay},
		{"presses and takes nothing", []phase{{60, "pressed", low, 0}}, 12, TookTooLittle},
		{"presses and takes too little", []phase{{60, "pressed", low, s / 13}}, 12, TookTooLittle},
		{"presses and takes a segment in each timeout", []phase{{7200, "pressed", low, s/10 + 10}}, 0, MayStay},
		{"others press the room", []phase{{7200, "pressed", low - 1, 0}}, 0, MayStay},
		{"is free in between", repeat(100, phase{9, "pressed", low, 0}, phase{1, "free", low, 0}), 0, MayStay},
		{"is close in between", repeat(100, phase{9, "pressed", low, 0}, phase{1, "pressed", low - 1, 0}), 0, MayStay},
		{"takes much, and then nothing for long", repeat(100, phase{1, "pressed", low, 4 * s}, phase{39, "pressed", low, 0}), 0, MayStay},
		{"takes much, and then nothing for too long", []phase{{1, "pressed", low, 0}, {2, "pressed", low, 100 * s}, {100, "pressed", low, 0}}, 63, TookTooLittle},
		{"holds and takes nothing", []phase{{60, "held", high, 0}}, 10, HeldTooLong},
		{"holds and reads on", []phase{{60, "held", high, s}}, 10, HeldTooLong},
		{"others hold the room", []phase{{7200, "held", high - 1, s}}, 0, MayStay},
		{"holds again and again", repeat(100, phase{2, "held", high, s}, phase{20, "pressed", low, s}), 4*22 + 2, HeldTooLong},
		{"holds again and again, and catches up", repeat(100, phase{2, "held", high, s}, phase{20, "free", 0, 0}), 5 * 22, HeldTooLong},
		{"holds now and then", repeat(100, phase{2, "held", high, s}, phase{200, "free", 0, 0}), 0, MayStay},
		{"holds for almost a timeout in ten minutes", repeat(50, phase{9, "held", high, s}, phase{700, "free", 0, 0}), 0, MayStay},
	} {
		t.Run(test.what, func(t *testing.T) {
			l := New(backlog, 0)
			l.head.Store(1000 * backlog)
			var stall Stall
			now, began := time.Unix(0, 0), time.Unix(0, 0)
			for _, p := range test.phases {
				l.pressed.Store(p.state != "free")
				l.held.Store(p.state == "held")
				for range p.seconds {
					why := stall.Check(l, l.Head()-Position(p.behind), now, timeout)
					after := int(now.Sub(began) / time.Second)
					if why != MayStay {
						if why != test.why || after != test.after {
							t.Errorf("disconnected after %d s for reason %d, want %d s and reason %d", after, why, test.after, test.why)
						}
						return
					}
					now = now.Add(time.Second)
					l.head.Add(uint64(p.takes))
				}
			}
			if test.why != MayStay {
				t.Error("stays")
			}
		})
	}
}
