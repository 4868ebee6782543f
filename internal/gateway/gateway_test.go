//go:build linux

package gateway

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A room is a server with a gateway.
type room struct {
	*chattest.Server
	gateway *Gateway
	url     string
	adopted *atomic.Int64 // connections that the server was given
}

func start(t *testing.T, sc server.Config, gc Config, rooms ...server.RoomConfig) *room {
	t.Helper()
	if len(rooms) == 0 {
		rooms = []server.RoomConfig{{}}
	}
	rooms[0].Epochs = oneEpoch{}
	s := chattest.Start(t, sc, rooms...)
	adopted := new(atomic.Int64)
	gc.Adopt = func(c Client) {
		defer adopted.Add(1)
		s.Adopt(server.Adopted{
			FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: true,
			Numbered: c.Agreed, Has: server.Since(c.Since), Received: c.Received,
		})
	}
	g := New(gc)
	h := httptest.NewUnstartedServer(g)
	g.Limit(h.Config)
	h.Listener = g.Listener(h.Listener)
	h.Start()
	t.Cleanup(func() {
		s.Stop(t)
		h.Close()
	})
	return &room{s, g, "ws" + strings.TrimPrefix(h.URL, "http"), adopted}
}

// oneEpoch is a room's epochs: there is one.
type oneEpoch struct{}

func (oneEpoch) Current() uint64    { return epoch }
func (oneEpoch) Has(id uint64) bool { return id == epoch }

func (oneEpoch) Known(id, number uint64) uint64 {
	if id == epoch {
		return number
	}
	return 0
}

// A browser is a WebSocket's other end.
type browser struct {
	*websocket.Conn
	t    *testing.T
	ctx  context.Context
	name string
}

// open opens a WebSocket, and waits until the server has it: what is opened next comes
// after it there, too.
func (r *room) open(t *testing.T, header http.Header) *browser {
	t.Helper()
	before := r.adopted.Load()
	ctx, cancel := context.WithTimeout(t.Context(), chattest.Patience)
	conn, _, err := websocket.Dial(ctx, r.url, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{}})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow(); cancel() })
	chattest.Eventually(t, "the connection is handed over", chattest.Patience, func() bool { return r.adopted.Load() > before })
	return &browser{Conn: conn, t: t, ctx: ctx}
}

func (r *room) join(t *testing.T, name string) *browser {
	t.Helper()
	b := r.open(t, nil)
	b.name = name
	m := message(name, chattest.Key)
	b.send(m[:])
	if got := b.receive(); got != m {
		t.Fatalf("the echo is %q %q", got.Name(), got.Text())
	}
	return b
}

func message(name, text string) wire.Message {
	m, err := wire.New(name, text)
	if err != nil {
		panic(err)
	}
	return m
}

func (b *browser) send(frame []byte) {
	b.t.Helper()
	if err := b.Write(b.ctx, websocket.MessageBinary, frame); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) receive() wire.Message {
	b.t.Helper()
	kind, frame, err := b.Read(b.ctx)
	if err != nil || kind != websocket.MessageBinary || len(frame) != wire.Size {
		b.t.Fatalf("received %v of %d bytes, %v", kind, len(frame), err)
	}
	return wire.Message(frame)
}

func (b *browser) expectClose(want websocket.StatusCode) {
	b.t.Helper()
	for {
		if _, _, err := b.Read(b.ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				b.t.Fatalf("closed with %v (%v), want %v", got, err, want)
			}
			return
		}
	}
}

// A browser's messages reach a TCP client byte for byte, and the other way
// round; several may come in one frame.
func TestChat(t *testing.T) {
	r := start(t, server.Config{}, Config{})
	web := r.join(t, "web")
	alice := r.Join(t, "alice")
	strange := message("web", "hi")
	strange[wire.Size-1] = 0xff // bytes behind the terminator travel as well
	second := message("web", "there")
	web.send(append(strange[:], second[:]...))
	if got := alice.Receive(); got != strange {
		t.Errorf("alice received %q", got[:])
	}
	alice.Expect("web", "there")
	alice.Send("hello")
	if got := web.receive(); string(got.Text()) != "hello" || string(got.Name()) != "alice" {
		t.Errorf("the browser received %q from %q", got.Text(), got.Name())
	}
}

// A wrong key, a full room and a name that is taken end a browser without an echo, and
// with a code that says which of them it is.
func TestRefused(t *testing.T) {
	r := start(t, server.Config{}, Config{}, server.RoomConfig{MaxClients: 1})
	web := r.open(t, nil)
	m := message("eve", "guess")
	web.send(m[:])
	web.expectClose(4401)
	r.join(t, "alice")
	web = r.open(t, nil)
	web.send(m[:])
	web.expectClose(4401)
	web = r.open(t, nil)
	m = message("eve", chattest.Key)
	web.send(m[:])
	web.expectClose(4503)
	r = start(t, server.Config{}, Config{}, server.RoomConfig{UniqueNames: func(name string) []string { return []string{name} }})
	r.join(t, "alice")
	web = r.open(t, nil)
	m = message("alice", chattest.Key)
	web.send(m[:])
	web.expectClose(4409)
}

// maxFrame is how many bytes a frame may have.
const maxFrame = 32 * wire.Size

// A frame that is not messages ends the connection with a code that says so.
func TestBadFrames(t *testing.T) {
	r := start(t, server.Config{}, Config{})
	tests := []struct {
		kind  websocket.MessageType
		bytes int
		want  websocket.StatusCode
	}{
		{websocket.MessageText, wire.Size, websocket.StatusUnsupportedData},
		{websocket.MessageBinary, wire.Size - 1, websocket.StatusUnsupportedData},
		{websocket.MessageBinary, maxFrame + wire.Size, websocket.StatusMessageTooBig},
		{websocket.MessageBinary, 100 * maxFrame, websocket.StatusMessageTooBig},
	}
	for _, test := range tests {
		web := r.join(t, "web")
		web.Write(web.ctx, test.kind, bytes.Repeat([]byte("a"), test.bytes)) // may be cut off
		web.expectClose(test.want)
	}
	web, alice := r.join(t, "web"), r.Join(t, "alice")
	web.send(bytes.Repeat([]byte("b"), maxFrame))
	for range maxFrame / wire.Size {
		alice.Receive()
	}
}

// What a browser sent before it closed, or vanished, is published.
func TestLastWords(t *testing.T) {
	r := start(t, server.Config{}, Config{})
	alice := r.Join(t, "alice")
	for _, end := range []func(*browser){
		func(b *browser) { b.Close(websocket.StatusNormalClosure, "") },
		func(b *browser) { b.CloseNow() },
	} {
		web := r.join(t, "web")
		const messages = 1000
		m := message("web", "bye")
		for range messages {
			web.send(m[:])
		}
		end(web)
		for range messages {
			alice.Expect("web", "bye")
		}
	}
}

// A browser that reads nothing holds nobody up for longer than any client may,
// and gets all until then.
func TestSlowBrowser(t *testing.T) {
	r := start(t, server.Config{StallTimeout: 100 * time.Millisecond}, Config{}, server.RoomConfig{Backlog: 128 << 10})
	r.join(t, "slow")
	alice, bob := r.Join(t, "alice"), r.Join(t, "bob")
	go func() {
		m := message("alice", "more")
		for range 40_000 { // more than all buffers on the way
			if _, err := alice.Write(m[:]); err != nil {
				return
			}
		}
	}()
	for range 40_000 {
		bob.Expect("alice", "more")
	}
}

// A client that does not answer pings is closed; one that does stays.
func TestPings(t *testing.T) {
	r := start(t, server.Config{PingInterval: 100 * time.Millisecond}, Config{})
	alive, alice := r.join(t, "alive"), r.Join(t, "alice")
	left := follow(t, r)
	r.join(t, "dead") // nobody reads, so nobody answers
	go alive.Read(alive.ctx)
	if name := <-left; name != "dead" {
		t.Fatalf("%s left", name)
	}
	m := message("alive", "still here")
	alive.send(m[:])
	alice.Expect("alive", "still here")
}

// follow returns a channel of the names of the members that leave.
func follow(t *testing.T, r *room) <-chan string {
	left := make(chan string, 10)
	follower := r.Log().FollowSkipping()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		defer follower.Close()
		entries := make([]broadcast.Entry, 16)
		for {
			n, err := follower.Next(ctx, entries)
			for _, e := range entries[:n] {
				if e.Notice != nil && e.Notice.Kind == broadcast.Left {
					left <- e.Notice.From.Name
				}
			}
			if err != nil || n == 0 {
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return left
}

// Pages of other hosts can't connect, unless they are named; programs, which
// send no origin, can.
func TestOrigin(t *testing.T) {
	r := start(t, server.Config{}, Config{Origins: []string{"https://chat.example.com", "http://[2001:db8::1]:8080"}})
	host := strings.TrimPrefix(r.url, "ws://")
	for origin, want := range map[string]bool{
		"":                               true,
		"http://" + host:                 true,
		"https://chat.example.com":       true,
		"http://[2001:db8::1]:8080":      true,
		"http://chat.example.com":        false,
		"https://evil.example":           false,
		"https://chat.example.com.evil/": false,
		"null":                           false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, resp, err := websocket.Dial(t.Context(), r.url, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{}})
		if got := err == nil; got != want {
			t.Errorf("origin %q: %v, want %v", origin, err, want)
		}
		if err == nil {
			conn.CloseNow()
		} else if resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: the answer is %v", origin, resp)
		}
	}
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// The address of a client is that of its connection, or what proxies that are
// trusted say; what others say is not believed.
func TestPeer(t *testing.T) {
	g := New(Config{Proxies: prefixes("127.0.0.1/32", "10.0.0.0/8", "fe80::1/128")})
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1234", nil, "192.0.2.1:1234"},
		{"[::ffff:192.0.2.1]:1234", nil, "192.0.2.1:1234"},
		{"192.0.2.1:1234", []string{"198.51.100.1"}, "192.0.2.1:1234"},
		{"127.0.0.1:1234", nil, "127.0.0.1:1234"},
		{"127.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"127.0.0.1:1234", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1:0"},
		{"127.0.0.1:1234", []string{"203.0.113.9", "198.51.100.1, 10.1.1.1"}, "198.51.100.1:0"},
		{"127.0.0.1:1234", []string{"198.51.100.1:99"}, "198.51.100.1:99"},
		{"127.0.0.1:1234", []string{"[2001:db8::1]:99"}, "[2001:db8::1]:99"},
		{"127.0.0.1:1234", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{"127.0.0.1:1234", []string{"198.51.100.1, unknown"}, "127.0.0.1:1234"},
		{"127.0.0.1:1234", []string{"10.2.2.2"}, "10.2.2.2:0"},
		{"[fe80::1%eth0]:1234", []string{"198.51.100.1"}, "198.51.100.1:0"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := g.Peer(r); got != netip.MustParseAddrPort(test.want) {
			t.Errorf("%s for %q is %v, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
}

// The server's end ends all browsers, and lets nobody in any more.
func TestClose(t *testing.T) {
	r := start(t, server.Config{}, Config{})
	web := r.join(t, "web")
	silent := r.join(t, "silent") // never reads the close frame
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		web.expectClose(websocket.StatusGoingAway)
	}()
	r.Stop(t)
	<-closed
	late := r.open(t, nil)
	if _, _, err := late.Read(late.ctx); err == nil {
		t.Error("a server that has ended lets somebody in")
	}
	silent.CloseNow()
}

// Whatever an address is said to be, it is read or it is not.
func FuzzParseHop(f *testing.F) {
	for _, seed := range []string{"", "1.2.3.4", "1.2.3.4:5", "[::1]:5", "[::1]", "::ffff:1.2.3.4", "fe80::1%eth0", "unknown"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := parseHop(text)
		if ok != at.Addr().IsValid() || at.Addr().Zone() != "" || at.Addr().Is4In6() {
			t.Errorf("%q is %v, %v", text, at, ok)
		}
	})
}
