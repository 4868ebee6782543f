//go:build linux

package main

import (
	"errors"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// The bot answers messages that are meant for it, over a real server, until the
// server ends.
func TestEchobot(t *testing.T) {
	srv := chattest.Start(t, server.Config{})
	alice := srv.Join(t, "alice")
	bot, err := client.Dial(t.Context(), srv.Addr.String(), "echo", chattest.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer bot.Close()
	ended := make(chan error, 1)
	go func() { ended <- answer(t.Context(), bot) }()

	alice.Send("not for you")
	alice.Send("echo hello")
	alice.Expect("echo", "hello")
	srv.Stop(t)
	if err, ok := errors.AsType[*client.ClosedError](<-ended); !ok {
		t.Errorf("the bot ends with %v", err)
	}
}

// A refusal is reported with its reason.
func TestEchobotRefused(t *testing.T) {
	srv := chattest.Start(t, server.Config{})
	err := run(t.Context(), srv.Addr.String(), "guess")
	if _, ok := errors.AsType[*client.RefusedError](err); !ok {
		t.Errorf("got %v", err)
	}
}
