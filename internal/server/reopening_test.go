//go:build linux

package server_test

import (
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// While rooms are closed and opened anew, clients that come wait: a right key is no wrong one
// because its room is not there.
func TestReopening(t *testing.T) {
	s := chattest.Start(t, server.Config{AuthTimeout: chattest.Patience}, server.RoomConfig{})
	s.SetReopening(true)
	s.Close(s.Rooms()[0])
	right, wrong := s.Guess(t, "right", chattest.Key), s.Guess(t, "wrong", "not the key")
	chattest.Eventually(t, "both wait", chattest.Patience, func() bool { return s.Stats().Pending == 2 })
	s.Stats() // the keys were read
	s.Open(t, server.RoomConfig{})
	s.SetReopening(false)
	if m := right.Receive(); string(m.Text()) != chattest.Key {
		t.Errorf("the echo is %q", m.Text())
	}
	wrong.ExpectEnd()
}

// Those that wait so are pending connections, with their bounds and their timeout.
func TestReopeningIsBounded(t *testing.T) {
	for name, config := range map[string]server.Config{
		"many": {MaxPending: 1, AuthTimeout: chattest.Patience},
		"long": {AuthTimeout: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := chattest.Start(t, config, server.RoomConfig{})
			s.SetReopening(true)
			first := s.Guess(t, "right", chattest.Key)
			for range 16 { // with one more than may be pending for a short while
				s.Guess(t, "right", chattest.Key)
			}
			first.ExpectEnd()
		})
	}
}
