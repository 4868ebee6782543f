package command

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collectWhenIdle keeps the server's memory small until ctx is done, unless the
// environment sets the garbage collector (GOGC).
//
// Once its clients have joined, a server makes hardly any garbage, so the
// collector hardly runs. That is cheap, but the garbage of many clients that
// joined at once would stay for as long as no others join.
func collectWhenIdle(ctx context.Context, p Process) {
	if _, set := p.LookupEnv("GOGC"); set {
		return
	}
	const (
		percent  = 10 // how much garbage there may be, relative to what is in use
		interval = time.Second
	)
	debug.SetGCPercent(percent)
	debug.FreeOSMemory() // the garbage of starting
	again := time.NewTicker(interval)
	defer again.Stop()
	for m := (allocationMonitor{lastCollection: allocated()}); ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		if m.shouldCollect(allocated()) {
			debug.FreeOSMemory()
		}
	}
}

// An allocationMonitor finds out when a collection is worthwhile: the program has
// stopped allocating, and has allocated enough since the last collection.
type allocationMonitor struct {
	last           uint64 // how much had been allocated at the last look
	lastCollection uint64 // and when collecting was last worthwhile
}

// shouldCollect reports whether to collect now. Its argument is how many bytes the
// program has allocated since it began.
func (c *allocationMonitor) shouldCollect(now uint64) (collect bool) {
	const (
		little = 16 << 10
		much   = 256 << 10
	)
	collect = now-c.last < little && now-c.lastCollection > much
	if collect {
		c.lastCollection = now
	}
	c.last = now
	return collect
}

// allocated returns how many bytes the program has allocated since it began.
func allocated() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
