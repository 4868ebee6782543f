//go:build linux

package main

import (
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/gateway"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// startBot runs a bot until the test ends, and returns the error it ends with. It is in
// the room and takes what is said for new when startBot returns.
func startBot(t *testing.T, addr, name string, answer func(client.Message) (string, bool), prober *chattest.Client) <-chan error {
	t.Helper()
	bot, err := client.Stay(t.Context(), addr, name, chattest.Key)
	if err != nil {
		t.Fatal(err)
	}
	ended, listens := make(chan error, 1), make(chan struct{})
	all := make(chan struct{})
	t.Cleanup(func() { bot.Close(); <-all })
	go func() {
		defer close(all)
		var once sync.Once
		ended <- serve(t.Context(), bot, func(m client.Message) (string, bool) {
			if m.Text == "are you there?" {
				once.Do(func() { close(listens) })
				return "", false
			}
			return answer(m)
		})
	}()
	again := time.NewTicker(400 * time.Millisecond) // longer than the pause that ends what may be a replay
	defer again.Stop()
	for {
		prober.Send("are you there?") // without an answer while it may be a replay
		select {
		case <-listens:
			return ended
		case err := <-ended:
			t.Fatalf("the bot ends with %v", err)
		case <-time.After(chattest.Patience):
			t.Fatal("the bot does not listen")
		case <-again.C:
		}
	}
}

// The bot answers messages that are meant for it, over a real server, also after the
// connection was lost.
func TestEchobot(t *testing.T) {
	for _, over := range []string{"TCP", "page"} {
		t.Run(over, func(t *testing.T) {
			srv := chattest.Start(t, server.Config{})
			addr := srv.Addr.String()
			if over == "page" {
				addr = startPage(t, srv)
			}
			alice := srv.Join(t, "alice")
			startBot(t, addr, "echo", echo, alice)
			alice.Send("not for you")
			alice.Send("echo hello")
			alice.Expect("echo", "[bot] hello")
		})
	}
}

// What is replayed gets no answer.
func TestEchobotReplay(t *testing.T) {
	for _, over := range []string{"TCP", "page"} {
		t.Run(over, func(t *testing.T) {
			srv := chattest.Start(t, server.Config{}, server.RoomConfig{Replay: 10})
			addr := srv.Addr.String()
			if over == "page" {
				addr = startPage(t, srv)
			}
			alice := srv.Join(t, "alice")
			alice.Send("echo old")
			srv.Join(t, "bob").Expect("alice", "echo old") // so it is in the log
			startBot(t, addr, "echo", echo, alice)
			alice.Send("echo new")
			alice.Expect("echo", "[bot] new")
		})
	}
}

// Bots don't answer each other: of two copies of this one, and of two that answer
// everything, each answers once what a person says. The longest text from a person
// can't make one say something without the mark.
func TestEchobotsDoNotLoop(t *testing.T) {
	everything := func(m client.Message) (string, bool) { return m.Name + " says: " + m.Text, true }
	for _, test := range []struct {
		name   string
		names  [2]string
		answer func(client.Message) (string, bool)
	}{
		{"copies", [2]string{"echo", "echo"}, echo},
		{"copies under other names", [2]string{"echo", "parrot"}, echo},
		{"that answer everything", [2]string{"a", "b"}, everything},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := chattest.Start(t, server.Config{})
			alice := srv.Join(t, "alice")
			for _, name := range test.names {
				startBot(t, srv.Addr.String(), name, test.answer, alice)
			}
			long := strings.Repeat("echo ", wire.TextSize/len("echo ")) + "..."
			texts := []string{"echo echo echo hello", long}
			for _, text := range texts {
				alice.Send(text)
			}
			// What the bots say to the last is behind all that they say to each other.
			answers := make(map[string]int)
			for range len(test.names) * len(texts) {
				m := alice.Receive()
				answers[string(m.Name())]++
				if text := string(m.Text()); !strings.HasPrefix(text, mark) {
					t.Fatalf("%s says %q", m.Name(), text)
				}
			}
			alice.Send("echo the end")
			for range test.names {
				m := alice.Receive()
				if !strings.HasSuffix(string(m.Text()), "the end") {
					t.Fatalf("%s says %q", m.Name(), m.Text())
				}
			}
		})
	}
}

// startPage returns the address of WebSockets that are handed to a server.
func startPage(t *testing.T, srv *chattest.Server) string {
	g := gateway.New(gateway.Config{
		Adopt: func(c gateway.Client) {
			srv.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: true, Numbered: c.Agreed, Received: c.Received})
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
