package history

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// As many messages may wait as are written in half a window. A small batch is no
// measure of the disk.
func TestPace(t *testing.T) {
	p := pace{firstPace}
	if got, want := p.limit(200*time.Millisecond), 1000*wire.Size; got != want {
		t.Errorf("the limit is %d at first, want %d", got, want)
	}
	p.measure(minMessages-1, time.Hour)
	if p.perSecond != firstPace {
		t.Errorf("%v a second after a few that took long", p.perSecond)
	}
	for range 100 {
		p.measure(1000, 10*time.Millisecond)
	}
	if got := p.limit(200*time.Millisecond) / wire.Size; got < 9900 || got > 10_000 {
		t.Errorf("%d messages may wait for a disk that takes 10,000 in half a window", got)
	}
	if got := p.limit(24 * time.Hour); got < 1<<30 {
		t.Errorf("%d bytes may wait for a day", got)
	}
	if p.limit(0) != p.limit(defaultWindow) {
		t.Error("without a window there is no limit of its own")
	}
	for range 100 {
		p.measure(1000, time.Hour)
	}
	if got := p.limit(time.Millisecond); got != 2*minMessages*wire.Size {
		t.Errorf("the limit is %d for a disk that takes nothing", got)
	}
}
