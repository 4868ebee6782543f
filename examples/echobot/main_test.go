//go:build linux

package main

import (
	"errors"
	"net/http/httptest"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/gateway"
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

// Through the page of a server that replays, the bot answers only what is said after it
// has come.
func TestEchobotReplay(t *testing.T) {
	srv := chattest.Start(t, server.Config{Replay: 10})
	alice := srv.Join(t, "alice")
	alice.Send("echo old")
	srv.Join(t, "bob").Expect("alice", "echo old") // so it is in the log
	bot, err := client.Dial(t.Context(), startPage(t, srv), "echo", chattest.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer bot.Close()
	ended := make(chan error, 1)
	go func() { ended <- answer(t.Context(), bot) }()
	select {
	case <-bot.CaughtUp():
	case err := <-ended:
		t.Fatalf("the bot ends with %v", err)
	}
	alice.Send("echo new")
	alice.Expect("echo", "new")
	bot.Close()
	<-ended
}

// startPage returns the address of WebSockets that are handed to a server.
func startPage(t *testing.T, srv *chattest.Server) string {
	g := gateway.New(gateway.Config{
		Adopt: func(c gateway.Client) {
			srv.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: true, Numbered: c.Agreed, Epoch: 1, Received: c.Received})
		},
		Subprotocol: server.Subprotocol,
	})
	page := httptest.NewUnstartedServer(g)
	page.Listener = g.Listener(page.Listener)
	g.Limit(page.Config)
	page.Start()
	t.Cleanup(page.Close)
	return page.URL
}

// A refusal is reported with its reason.
func TestEchobotRefused(t *testing.T) {
	srv := chattest.Start(t, server.Config{})
	err := run(t.Context(), srv.Addr.String(), "guess")
	if _, ok := errors.AsType[*client.RefusedError](err); !ok {
		t.Errorf("got %v", err)
	}
}
