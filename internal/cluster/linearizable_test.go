package cluster

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"
)

// numbered is a room as it is specified: whatever is said gets the next number.
var numbered = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, _, number any) (bool, any) {
		next := state.(uint64)
		return next == 0 || number.(uint64) == next, number.(uint64) + 1
	},
}

// What is said in a room, at whatever servers, is linearizable: what begins to be said after
// another message came back has a larger number.
func TestLinearizable(t *testing.T) {
	operations := 0
	for range 30 {
		seed := rand.Uint64()
		w := newWorld(t, seed)
		w.model.keep, w.clients = 0, nil
		w.said = make(map[string]map[string]*statement)
		for _, name := range simRooms {
			w.said[name] = make(map[string]*statement)
		}
		for w.steps < 1500 {
			w.step()
		}
		w.settle()
		for name, said := range w.said {
			c := w.canons[name]
			var history []porcupine.Operation
			for i, text := range c.texts {
				number, s := c.number+uint64(i), said[text]
				if s.back == 0 { // its server was killed
					s.back, s.number = math.MaxInt64/2-1, number
				}
				history = append(history, porcupine.Operation{Call: 2 * s.at, Output: s.number, Return: 2*s.back + 1})
			}
			operations += len(history)
			if !porcupine.CheckOperations(numbered, history) {
				t.Fatalf("%s=%d: what was said in %q is not linearizable", simSeed, seed, name)
			}
		}
	}
	if operations < 1000 {
		t.Errorf("only %d messages were said", operations)
	}
}
