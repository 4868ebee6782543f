//go:build linux

package server

import (
	"context"
	"errors"
	"io"
	"testing"

	"sop-chat/internal/broadcast"
)

// The log of a room that is closed ends when its last client has left, also one that was
// assigned to a loop that had closed the room already.
func TestLogEndsLast(t *testing.T) {
	room := newRoom(RoomConfig{Key: "key", Backlog: 64 << 10}, 2, newPool(nil))
	follower, c := room.log.FollowLossless(), new(conn)
	defer follower.Close()
	asked, cancel := context.WithCancel(t.Context())
	cancel() // so that Next does not wait
	hasEnded := func() bool {
		_, err := follower.Next(asked, make([]broadcast.Entry, 1))
		return errors.Is(err, io.EOF)
	}
	room.enter(0)
	room.closeAt()
	room.closeAt()
	if hasEnded() {
		t.Error("the log has ended before the client has left")
	}
	room.leave(c)
	if !hasEnded() {
		t.Error("the log does not end when the client has left")
	}
}
