//go:build linux

package server_test

import (
	"fmt"
	"testing"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// What one says all others get, in one order, and never the one who said it.
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

// A room has as many places as it has, and a place that is left is free.
func TestPlaces(t *testing.T) {
	s := chattest.Start(t, server.Config{MaxClients: 2})
	alice, bob := s.Join(t, "alice"), s.Join(t, "bob")
	s.Connect(t).ExpectEnd()
	bob.Close()
	carol := s.Join(t, "carol")
	alice.Send("hello")
	carol.Expect("alice", "hello")
}
