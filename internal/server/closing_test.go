//go:build linux

package server

import (
	"fmt"
	"testing"

	"sop-chat/internal/wire"
)

// A client that is assigned to another loop while its room is closed, or emptied, is
// disconnected with the others, and the room's log says so, whichever loop hears of it
// first.
func TestAssignedWhileTheRoomIsEmptied(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 1, 1, 0}, {1, 0, 1}} {
		for _, why := range []cause{causeClosed, causeRekeyed} {
			t.Run(fmt.Sprint(order, why.words), func(t *testing.T) {
				defer reportFailure(t, 1)
				w := emptyWorld(1)
				w.config = simConfig{loops: 2}
				w.begin()
				r := w.addRoom(simRoomConfig{first: 1, backlog: 256 << 10})
				w.loops[0].inbox.assigned.Store(1) // so that the client is for the other loop
				c := &simClient{world: w, room: r, key: r.key(), next: -1, eager: true}
				c.socket = &socket{peer: c, fd: -1, inCap: wire.Size, outCap: wire.Size - 1, openAt: w.now}
				c.queue(0)
				c.push()
				w.clients, w.born, w.arriving = []*simClient{c}, 1, []*socket{c.socket}
				w.workOff(func(*simClient) bool { return false })
				if !c.accepted || c.joined {
					t.Fatal("the echo was written, and the client assigned at once")
				}
				if why == causeClosed {
					w.shared.remove(r.room)
					r.room.closing.Store(true)
					r.closed = true
				}
				r.emptied = true
				w.empty(emptying{r.room, why})
				c.take(len(c.socket.out))
				for _, i := range order {
					w.turn(w.loops[i])
				}
				w.workOff((*simClient).isThere)
				if !c.left || c.socket.fd >= 0 {
					t.Errorf("the client has left: %v; its descriptor is %d", c.left, c.socket.fd)
				}
				w.loops[0].inbox.assigned.Store(0)
				w.shutdown()
			})
		}
	}
}
