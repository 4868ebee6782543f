//go:build linux

package server

import (
	"context"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A simGate stands in for an archive that has messages published only when they
// are on its disk: it publishes what was appended some time later.
type simGate struct {
	room     *simRoom
	follower *broadcast.Follower
	entries  [64]broadcast.Entry
	appended int // messages
}

func newSimGate(r *simRoom) *simGate {
	return &simGate{room: r, follower: broadcast.NewGroup().Named("gate").FollowAhead(r.room.log, nil)}
}

// read reads what is new in the log after a turn of a loop. The head has not moved
// in that turn, so clients that were accepted in it begin there.
func (g *simGate) read() {
	asked, cancel := context.WithCancel(context.Background())
	cancel() // so that Next never waits
	for {
		n, _ := g.follower.Next(asked, g.entries[:])
		if n == 0 {
			return
		}
		for _, e := range g.entries[:n] {
			switch {
			case e.Notice == nil:
				g.appended++
			case e.Notice.Kind == broadcast.Accepted:
				g.room.oracle.client(e.Notice.From).acceptedAfter(int(g.room.room.log.Head()/wire.Size), g.appended)
			}
		}
	}
}

// publish publishes what was appended, and reports whether that was anything.
func (g *simGate) publish() bool {
	before := g.room.room.log.Head()
	g.follower.Publish()
	g.room.oracle.read()
	return g.room.room.log.Head() != before
}
