package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A thousand browsers at once are no trouble: each costs little memory and hears
// what is said.
func TestWebCrowd(t *testing.T) {
	browsers := scaled(200, 1000)
	srv := startWeb(t, "--max-clients", "0")
	alice := join(t, srv.server, "alice")
	before := srv.memory()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	crowd := make([]*websocket.Conn, browsers)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range crowd {
		conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d/ws", srv.webPort), &websocket.DialOptions{HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		crowd[i] = conn
		auth := message("crowd", key)
		if err := conn.Write(ctx, websocket.MessageBinary, auth[:]); err != nil {
			t.Fatal(err)
		}
		if got := receiveFrame(t, ctx, conn); got != auth {
			t.Fatalf("browser %d receives %q, not its echo", i, got.Text())
		}
	}
	each := (srv.memory() - before) / browsers
	said := alice.say("hello, all")
	for _, conn := range crowd {
		if got := receiveFrame(t, ctx, conn); got != said {
			t.Fatalf("a browser receives %q", got.Text())
		}
	}
	t.Logf("%d browsers, %d bytes of memory each; after a message to all %d", browsers, each, (srv.memory()-before)/browsers)
	if most := 128 << 10; each > most && !raceEnabled {
		t.Errorf("a browser costs %d bytes of memory, want %d at most", each, most)
	}
}

func receiveFrame(t testing.TB, ctx context.Context, conn *websocket.Conn) wire.Message {
	t.Helper()
	_, r, err := conn.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var m wire.Message
	if _, err := io.ReadFull(r, m[:]); err != nil {
		t.Fatal(err)
	}
	if n, _ := r.Read(make([]byte, 1)); n > 0 {
		t.Fatal("a frame has more than one message")
	}
	return m
}

// memory returns how many bytes of memory the server has now.
func (s *server) memory() int {
	s.t.Helper()
	pages, err := strconv.Atoi(strings.Fields(s.proc("statm"))[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
