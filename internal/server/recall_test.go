//go:build linux

package server_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A recaller is told which clients to recall, and does it when a test says so.
type recaller struct {
	mu    sync.Mutex
	asked []recalled
}

type recalled struct {
	room         string
	client, from uint64
	done         func()
}

const thisServer = 0x5e57e5

func (*recaller) ID() uint64 { return thisServer }

func (r *recaller) Recall(room string, client, from uint64, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, recalled{room, client, from, done})
}

// wait waits until it was asked that often, and returns the last time.
func (r *recaller) wait(t *testing.T, n int) (last recalled) {
	t.Helper()
	chattest.Eventually(t, "a client is to be recalled", 10*time.Second, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.asked) > n {
			t.Fatalf("%d clients are to be recalled, want %d", len(r.asked), n)
		}
		if len(r.asked) == n {
			last = r.asked[n-1]
		}
		return len(r.asked) == n
	})
	return last
}

// come has a client come to a server by a WebSocket.
func come(t *testing.T, s *chattest.Server, has server.Since) net.Conn {
	t.Helper()
	web, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr(), WebSocket: true, Numbered: true, Has: has})
	key := mustMessage(t, "web", chattest.Key)
	sendFrame(t, web, key)
	return web
}

func sendFrame(t *testing.T, web net.Conn, m wire.Message) {
	t.Helper()
	if _, err := web.Write(append([]byte{0x82, 0xfe, 2, 0, 0, 0, 0, 0}, m[:]...)); err != nil {
		t.Fatal(err)
	}
}

// admission returns the first frame, without its header and its echo.
func admission(t *testing.T, web net.Conn) []byte {
	t.Helper()
	header := make([]byte, 4)
	if _, err := io.ReadFull(web, header); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint16(header[2:]))
	if _, err := io.ReadFull(web, frame); err != nil {
		t.Fatal(err)
	}
	return frame[:len(frame)-wire.Size]
}

// A client that comes from another server, or from a former process of this one, is let in when
// it was recalled. It is told at which server it is, if it asks.
func TestRecalled(t *testing.T) {
	r := new(recaller)
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "lobby", Relay: true, Recaller: r})
	follower := broadcast.NewGroup().FollowLossless(s.Rooms()[0].Outgoing(), nil)
	defer follower.Close()
	for i, from := range []uint64{0xa, thisServer} {
		web := come(t, s, server.Since{Client: uint64(7 + i), From: from, Roams: true})
		last := r.wait(t, i+1)
		if last.room != "lobby" || last.client != uint64(7+i) || last.from != from {
			t.Errorf("it is asked for %+v", last)
		}
		if s.Stats(); s.Rooms()[0].Clients() != int64(i) { // the loops have had a turn
			t.Error("the client is let in before it was recalled")
		}
		last.done()
		if frame := admission(t, web); len(frame) != 40 || binary.BigEndian.Uint64(frame[32:]) != thisServer {
			t.Errorf("it is let in with %x", frame)
		}
	}
	if frame := admission(t, come(t, s, server.Since{Client: 10})); len(frame) != 32 {
		t.Errorf("a client that does not ask is let in with %x", frame)
	}
	admission(t, come(t, s, server.Since{Client: 7, From: thisServer, Roams: true})) // was here, and needs no recall
	for n := 3; n < 5; n++ {                                                         // one that gives up waiting was not here, nor is it when it comes again
		come(t, s, server.Since{Client: 9, From: thisServer, Roams: true})
		r.wait(t, n)
	}
}

// What a client said that has gone to another server is void: nobody takes it, it holds nothing
// up, and its connection ends.
func TestVoid(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Relay: true})
	room := s.Rooms()[0]
	follower := broadcast.NewGroup().Named("cluster").FollowLossless(room.Outgoing(), nil)
	defer follower.Close()
	web, other := come(t, s, server.Since{Client: 7}), s.Join(t, "other")
	admission(t, web)
	say := func(write func(), n int) {
		t.Helper()
		write()
		chattest.Eventually(t, "it is said", 10*time.Second, func() bool { return room.Unreturned() == n })
	}
	hello, there := mustMessage(t, "web", "hello"), mustMessage(t, "other", "there")
	say(func() { sendFrame(t, web, hello) }, 1)
	say(func() { other.Write(there[:]) }, 2)
	say(func() { sendFrame(t, web, hello) }, 3)

	room.Void(8) // there is none
	if n := room.Unreturned(); n != 3 {
		t.Fatalf("%d messages have not come back, want 3", n)
	}
	room.Void(7)
	var left [3]broadcast.Entry
	if n := room.CopyUnreturned(left[:], 0); n != 1 || left[0].Message != there || room.CopyUnreturned(left[1:], 1) != 0 {
		t.Fatalf("%d messages have yet to come back, the first is %q", n, left[0].Message.Text())
	}
	if _, err := io.Copy(io.Discard, web); err != nil { // until it is closed
		t.Error(err)
	}
	batch := broadcast.NewBatch(wire.Size)
	batch.Add(left[0].From, copy(batch.Free(), there[:]))
	if !room.Deliver(batch, time.Now()) || room.Unreturned() != 0 {
		t.Errorf("%d messages have yet to come back", room.Unreturned())
	}
	admission(t, come(t, s, server.Since{Client: 7})) // it may come back
}
