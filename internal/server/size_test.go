//go:build linux

package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// An idle client costs little besides its conn, which should not grow beyond its
// size class in the allocator.
func TestConnIsSmall(t *testing.T) {
	const class = 112
	if size := unsafe.Sizeof(conn{}); size > class {
		t.Errorf("a conn is %d bytes, want %d at most", size, class)
	}
}

// An idleKernel registers connections, and does nothing else.
type idleKernel struct{ kernel }

func (idleKernel) Add(int, uint32, netpoll.Interest) syscall.Errno { return 0 }
func (idleKernel) Wake()                                           {}

// A room costs little besides its clients, the console's reading of it included: ten
// thousand rooms of four clients each take not much more than one room of forty thousand.
func TestRoomIsSmall(t *testing.T) {
	const clients, perRoom, most = 40_000, 4, 1024
	one, many := heapOf(t, 1, clients), heapOf(t, clients/perRoom, perRoom)
	each := (many - one) / (clients / perRoom)
	t.Logf("a client takes %d bytes, and a room %d", one/clients, each)
	if each > most {
		t.Errorf("a room takes %d bytes, want %d at most", each, most)
	}
}

// heapOf returns how much of the heap some rooms take, with that many idle clients each.
func heapOf(t *testing.T, rooms, clients int) int {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	registry, console := newRooms(), broadcast.NewGroup()
	pool := newPool(newMemory(slog.New(slog.DiscardHandler)))
	l := newLoop(idleKernel{}, 0, output{logger: slog.New(slog.DiscardHandler)}, newIdentities(), newPasses(), limits{}, new(atomic.Bool))
	for i := range rooms {
		name := fmt.Sprint("room ", i)
		room := newRoom(RoomConfig{Name: name, Key: "the key of " + name, Backlog: 32 << 20, Kept: 512, Epochs: newStart()}, 1, pool)
		console.FollowSkipping(room.log, room)
		if err := registry.add(room); err != nil {
			t.Fatal(err)
		}
		for j := range clients {
			room.enter(0)
			l.inbox.count(room, 1)
			c := &conn{fd: int32(i*clients + j), audience: -1, index: -1}
			l.admit(assignment{conn: c, room: room, join: room.log.Join(func() {})})
			l.audiences.settle()
		}
	}
	readAll(console)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(registry)
	runtime.KeepAlive(console)
	runtime.KeepAlive(l)
	return int(after.HeapAlloc - before.HeapAlloc)
}

// readAll reads all that the logs of a group have.
func readAll(g *broadcast.Group) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // so that Next does not wait
	entries := make([]broadcast.Entry, 16)
	for {
		if _, _, err := g.Next(ctx, entries); err != nil {
			return
		}
	}
}
