package command

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// saveMemory sees to it, until ctx is done, that hardly more memory is taken
// than is needed, unless the environment says when garbage is collected (GOGC).
//
// A server makes hardly any garbage once its clients are in, and so collects
// none. That is cheap; but it would also keep what a crowd of clients left
// behind when it came, for as long as nobody else comes.
func saveMemory(ctx context.Context, p Process) {
	if _, set := p.LookupEnv("GOGC"); set {
		return
	}
	const (
		percent = 10 // how much garbage may pile up, of what is in use
		look    = time.Second
	)
	debug.SetGCPercent(percent)
	debug.FreeOSMemory() // what starting has left behind
	again := time.NewTicker(look)
	defer again.Stop()
	for c := (allocations{collected: allocated()}); ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		if c.look(allocated()) {
			debug.FreeOSMemory()
		}
	}
}

// An allocations says when the program has stopped allocating, and has allocated
// enough since the last collection for another to be worthwhile.
type allocations struct {
	before    uint64 // how much had been allocated at the last look
	collected uint64 // and when collecting was last worthwhile
}

// look is told how much has been allocated by now, in bytes since the program
// began.
func (c *allocations) look(now uint64) (collect bool) {
	const (
		little = 16 << 10
		much   = 256 << 10
	)
	collect = now-c.before < little && now-c.collected > much
	if collect {
		c.collected = now
	}
	c.before = now
	return collect
}

// allocated returns how many bytes the program has ever allocated.
func allocated() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
