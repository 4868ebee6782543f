//go:build linux

package server

import (
	"context"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A simGate stands in for an archive that lets nobody see what it has not yet
// made safe: it publishes what was appended, some time later.
type simGate struct {
	world    *world
	follower *broadcast.Follower
	entries  [64]broadcast.Entry
}

func newSimGate(w *world) *simGate {
	return &simGate{world: w, follower: w.room.log.FollowAhead()}
}

// look takes what is new in the log, after a turn of a loop. The head has not
// moved in that, so it is where those who were accepted had to begin.
func (g *simGate) look() {
	asked, cancel := context.WithCancel(context.Background())
	cancel() // so that Next never waits
	for {
		n, _ := g.follower.Next(asked, g.entries[:])
		if n == 0 {
			return
		}
		for _, e := range g.entries[:n] {
			if e.Notice != nil && e.Notice.Kind == broadcast.Accepted {
				g.world.oracle.client(e.Notice.From).comes(int(g.world.room.log.Head() / wire.Size))
			}
		}
	}
}

// publish lets everybody see what was appended, and reports whether there was
// anything.
func (g *simGate) publish() bool {
	before := g.world.room.log.Head()
	g.follower.Publish()
	g.world.oracle.look()
	return g.world.room.log.Head() != before
}
