//go:build linux

package server_test

import (
	"fmt"
	"testing"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// What a client sends, all others receive, in one order, and it does not.
func TestBroadcast(t *testing.T) {
	for _, loops := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d loops", loops), func(t *testing.T) {
			s := chattest.Start(t, server.Config{Loops: loops})
			alice, bob, carol := s.Join(t, "alice"), s.Join(t, "bob"), s.Join(t, "carol")
			alice.Send("hello")
			bob.Expect("alice", "hello")
			carol.Expect("alice", "hello")
			bob.Send("hi")
			alice.Expect("bob", "hi")
			carol.Expect("bob", "hi")
			carol.Close()
			alice.Send("still here?")
			bob.Expect("alice", "still here?")
		})
	}
}

// A wrong key ends the connection and nothing is sent.
func TestWrongKey(t *testing.T) {
	s := chattest.Start(t, server.Config{})
	c := s.Connect(t)
	c.Send("guess")
	c.ExpectEnd()
}

// A room takes as many clients as it has slots, and a client that leaves frees its
// slot.
func TestSlots(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{MaxClients: 2})
	alice, bob := s.Join(t, "alice"), s.Join(t, "bob")
	s.Connect(t).ExpectEnd()
	bob.Close()
	carol := s.Join(t, "carol")
	alice.Send("hello")
	carol.Expect("alice", "hello")
}
