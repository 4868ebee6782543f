//go:build linux

package secure

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/chattest"
	"sop-chat/internal/gateway"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// site serves a room's gateway over https, and returns its address.
func (r *room) site(t *testing.T) string {
	t.Helper()
	g := gateway.New(gateway.Config{
		NewPipe: func() (gateway.Pipe, error) { return r.NewPipe() },
		Adopt: func(c gateway.Client) {
			r.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: true, Received: c.Received})
		},
	})
	config := net.ListenConfig{Control: netpoll.PrepareListener}
	inner, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", g)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	s := &http.Server{Handler: mux}
	g.Limit(s)
	done := make(chan error)
	go func() { done <- s.Serve(r.HTTPS(g.Listener(inner))) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return inner.Addr().String()
}

// Over https, pages come by HTTP/1.1, and a WebSocket's messages reach the room and come
// from it. When the server ends, the browser is told so in order.
func TestHTTPS(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	address := r.site(t)
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: r.clientConfig(), ForceAttemptHTTP2: true}}
	defer browser.CloseIdleConnections()
	answer, err := browser.Get("https://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); string(body) != "HTTP/1.1" || err != nil {
		t.Errorf("received %q, %v", body, err)
	}
	answer.Body.Close()

	ctx, cancel := context.WithTimeout(t.Context(), chattest.Patience)
	defer cancel()
	before := chattest.Sockets(t)
	for range 20 {
		alice := r.join("alice")
		web, _, err := websocket.Dial(ctx, "wss://"+address+"/ws", &websocket.DialOptions{HTTPClient: browser, HTTPHeader: http.Header{"Origin": {"https://" + address}}})
		if err != nil {
			t.Fatal(err)
		}
		say := func(text string) {
			m, _ := wire.New("web", text)
			if err := web.Write(ctx, websocket.MessageBinary, m[:]); err != nil {
				t.Fatal(err)
			}
		}
		hear := func(want string) {
			t.Helper()
			_, frame, err := web.Read(ctx)
			if err != nil || len(frame) != wire.Size {
				t.Fatalf("a frame of %d bytes, %v", len(frame), err)
			}
			m := wire.Message(frame)
			if got := string(m.Text()); got != want {
				t.Errorf("the browser received %q, want %q", got, want)
			}
		}
		say(chattest.Key)
		hear(chattest.Key)
		say("hello")
		alice.expect("web: hello")
		alice.send("hi")
		hear("hi")
		alice.Close()
		web.Close(websocket.StatusNormalClosure, "")
	}
	chattest.Eventually(t, "all is closed", chattest.Patience, func() bool { return r.live() == 0 && chattest.Sockets(t) <= before })

	web, _, err := websocket.Dial(ctx, "wss://"+address+"/ws", &websocket.DialOptions{HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	defer web.CloseNow()
	m, _ := wire.New("web", chattest.Key)
	if err := web.Write(ctx, websocket.MessageBinary, m[:]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := web.Read(ctx); err != nil { // its echo
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, _, err := web.Read(ctx)
		ended <- err
	}()
	r.port.stop()
	if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the browser is told: %v", err)
	}
}

const upgradeRequest = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// pong is a frame that answers pings, masked with zeros.
const pong = "\x8a\x80\x00\x00\x00\x00"

// frameOf returns a frame with one message, masked with zeros.
func frameOf(m wire.Message) string {
	return string(append([]byte{0x82, 0x80 | 126, wire.Size >> 8, wire.Size & 255, 0, 0, 0, 0}, m[:]...))
}

// What comes right behind the request that opens a WebSocket is not lost.
func TestEarlyFrames(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	address := r.site(t)
	alice := r.join("alice")
	secure := r.dialTo(address)
	m, _ := wire.New("web", chattest.Key)
	io.WriteString(secure, upgradeRequest+strings.Repeat(frameOf(m), 21))
	for range 20 {
		alice.expect("web: " + chattest.Key)
	}
}

// A browser whose window is closed is not expected to answer pings, although what it has yet
// to receive may all be in the kernel.
func TestClosedWindowNeedsNoPongs(t *testing.T) {
	const pingInterval = 400 * time.Millisecond
	r := openRoom(t, server.Config{PingInterval: pingInterval, PeerTimeout: 100 * time.Millisecond}, Config{PeerTimeout: time.Second})
	const headerSize = 4
	alice := r.join("alice")
	secure := r.dialTo(r.site(t))
	secure.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	m, _ := wire.New("web", chattest.Key)
	io.WriteString(secure, upgradeRequest+frameOf(m))
	for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); {
		var b [1]byte
		if _, err := io.ReadFull(secure, b[:]); err != nil {
			t.Fatal(err)
		}
		head += string(b[:])
	}
	if _, err := io.CopyN(io.Discard, secure, headerSize+wire.Size); err != nil { // its echo
		t.Fatal(err)
	}
	const messages = 120 // more than its window, and less than what makes it lag
	for range messages {
		alice.send(strings.Repeat("x", 440))
	}
	time.Sleep(8 * pingInterval) // in which it would be ended
	if n := r.live(); n != 2 {
		t.Fatalf("%d pipes are left, want 2", n)
	}
	for received := 0; received < messages*wire.Size; received += wire.Size {
		io.WriteString(secure, pong) // as its window is open again
		if _, err := io.CopyN(io.Discard, secure, wire.Size); err != nil {
			t.Fatalf("after %d bytes: %v", received, err)
		}
	}
}
