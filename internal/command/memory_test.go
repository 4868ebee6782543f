package command

import "testing"

// Garbage is collected once when the program has stopped allocating, and only if
// there may be much of it.
func TestShouldCollect(t *testing.T) {
	const kib = 1 << 10
	for _, test := range []struct {
		what      string
		allocated []uint64 // by the time of each call
		collects  int      // at which call; -1 is at none
	}{
		{"nothing happens", []uint64{1, 2, 3, 4}, -1},
		{"a little is taken all the time", []uint64{10 * kib, 20 * kib, 30 * kib, 40 * kib}, -1},
		{"much is taken all the time", []uint64{300 * kib, 600 * kib, 900 * kib, 1200 * kib}, -1},
		{"much was taken", []uint64{300 * kib, 600 * kib, 601 * kib, 602 * kib}, 2},
		{"a little at a time has become much", []uint64{100 * kib, 200 * kib, 290 * kib, 299 * kib}, 3},
	} {
		t.Run(test.what, func(t *testing.T) {
			var m allocationMonitor
			for i, now := range test.allocated {
				if got, want := m.shouldCollect(now), i == test.collects; got != want {
					t.Errorf("call %d returns %v, want %v", i, got, want)
				}
			}
		})
	}
	if before := allocated(); before == 0 {
		t.Error("nothing was ever allocated")
	}
}
