//go:build linux

package server

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// Whatever names are taken and given back, one is refused just when another that is taken
// has a skeleton in common with it, and nothing is left in the end.
func TestTakenNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var names takenNames
		names.lookBy(simSkeletons)
		var in []*conn // those that have a name
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				c := new(conn)
				c.Name = rapid.SampledFrom([]string{"", "ian", "Ian", "lan", "IAN", "bob"}).Draw(t, "name")
				isTaken := slices.ContainsFunc(in, func(other *conn) bool { return lookAlike(c.Name, other.Name) })
				if got := names.take(c, claim{}, nowhere); got == isTaken {
					t.Fatalf("%q is taken: %v; among %v", c.Name, got, names.taken)
				} else if got {
					in = append(in, c)
				}
				names.free(new(conn)) // has none
			},
			"free": func(t *rapid.T) {
				if len(in) > 0 {
					i := rapid.IntRange(0, len(in)-1).Draw(t, "which")
					names.free(in[i])
					in = slices.Delete(in, i, i+1)
				}
			},
			"": func(t *rapid.T) {
				if len(names.byConn) != len(in) || len(in) == 0 && len(names.taken) > 0 {
					t.Fatalf("%d have a name, and these are taken: %v", len(in), names.taken)
				}
			},
		})
	})
}

func lookAlike(a, b string) bool {
	return slices.ContainsFunc(simSkeletons(a), func(s string) bool { return slices.Contains(simSkeletons(b), s) })
}

// What it costs to have messages carry the name of their sender, and that while they need
// not it costs nothing, on their way from one client to another.
func BenchmarkVerifyNames(b *testing.B) {
	for _, verify := range []bool{false, true} {
		for _, messages := range []int{1, 128} {
			b.Run(fmt.Sprintf("%t/%d messages", verify, messages), func(b *testing.B) {
				f := newFanOut(b, 1, raw)
				f.room.verify.Store(verify)
				sent := fanOutMessages(messages)
				b.ReportAllocs()
				for b.Loop() {
					f.send(sent)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages), "ns/message")
			})
		}
	}
}

// Having messages carry the name of their sender allocates nothing.
func TestVerifyingAllocatesNothing(t *testing.T) {
	f := newFanOut(t, 1, raw)
	f.room.verify.Store(true)
	messages := fanOutMessages(8)
	for range 10_000 / 8 {
		f.send(messages)
	}
	if n := testing.AllocsPerRun(100, func() { f.send(messages) }); n != 0 {
		t.Errorf("%v allocations for %d messages", n, len(messages)/wire.Size)
	}
}

func nowhere() *otherClients { return nil }
