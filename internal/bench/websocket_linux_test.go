package bench

import (
	"bufio"
	"cmp"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/gateway"
	"sop-chat/internal/server"
	"sop-chat/internal/websocket"
)

// againstGateway returns a configuration for the WebSockets of a server, which speaks
// a subprotocol or none.
func againstGateway(t *testing.T, room server.RoomConfig, subprotocol string, c Config) Config {
	t.Helper()
	s := chattest.Start(t, server.Config{}, room)
	g := gateway.New(gateway.Config{Subprotocol: subprotocol, Adopt: func(c gateway.Client) {
		s.Adopt(server.Adopted{
			FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: true, Numbered: c.Agreed, Received: c.Received,
		})
	}})
	mux := http.NewServeMux()
	mux.Handle("GET /ws", g)
	h := httptest.NewUnstartedServer(mux)
	g.Limit(h.Config)
	h.Listener = g.Listener(h.Listener)
	h.Start()
	t.Cleanup(func() {
		s.Stop(t)
		h.Close()
	})
	c = against(s, c)
	c.Servers[0].Addrs = []netip.AddrPort{netip.MustParseAddrPort(h.Listener.Addr().String())}
	c.Dialect.WebSocket = &WebSocket{Path: "/ws"}
	return c
}

// The WebSockets of this project pass.
func TestGateway(t *testing.T) {
	for _, test := range []struct {
		what string
		Config
	}{
		{"flat out", Config{Clients: 20, Senders: 3, Window: 200}},
		{"at a rate", Config{Clients: 20, Senders: 3, Rate: 1000}},
		{"everyone sends", Config{Clients: 4, Senders: 4, Window: 32}},
		{"nobody sends", Config{Clients: 20}},
	} {
		for _, subprotocol := range []string{"", server.Subprotocol} {
			overBoth(t, cmp.Or(subprotocol, "without numbers")+" "+test.what, func(t *testing.T, over transport) {
				r, err := run(t.Context(), againstGateway(t, server.RoomConfig{}, subprotocol, test.Config), over, 1)
				if err != nil {
					t.Fatal(err)
				}
				if test.Senders > 0 && (r.Verified == 0 || r.Latency == nil) {
					t.Errorf("nothing was measured: %+v", r)
				}
				if r.Subprotocol != subprotocol {
					t.Errorf("the report says that %q was spoken, want %q", r.Subprotocol, subprotocol)
				}
			})
		}
	}
}

// What keeps a WebSocket out is reported.
func TestNotLetInToWebSocket(t *testing.T) {
	full := againstGateway(t, server.RoomConfig{MaxClients: 7}, Numbers, Config{Clients: 20})
	wrongKey := againstGateway(t, server.RoomConfig{}, Numbers, Config{Clients: 20})
	wrongPath := wrongKey
	wrongPath.Dialect.WebSocket = &WebSocket{Path: "/other"}
	wrongKey.Dialect = Chat("not " + chattest.Key)
	wrongKey.Dialect.WebSocket = &WebSocket{Path: "/ws"}
	for _, test := range []struct {
		what string
		Config
		want string
	}{
		{"room full", full, "the server let in 7 of 20 clients and closed the next"},
		{"wrong key", wrongKey, "the server let nobody in: the key is wrong, or the room is full"},
		{"wrong path", wrongPath, `client 0: the server answers "404 Not Found" to the request for a WebSocket at http://` + wrongPath.Servers[0].Addrs[0].String() + "/other"},
	} {
		overBoth(t, test.what, func(t *testing.T, over transport) {
			_, err := run(t.Context(), test.Config, over, 1)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// A server that does not do as RFC 6455 says is reported.
func TestHostileWebSockets(t *testing.T) {
	hello := Chat("key").Hello(clientName(0), true)
	echo := string(serverFrame(websocket.BitFinal|websocket.OpBinary, hello))
	for _, test := range []struct {
		what   string
		answer func(key string) string
		want   string // of all that a run reports
	}{
		{"ends at once", func(string) string { return "" }, "client 0: the server ended the connection instead of answering"},
		{"ends within the answer", func(key string) string { return accepted(key)[:40] }, "client 0: the server ended the connection instead of answering"},
		{"another's key", func(string) string { return accepted("another") }, "client 0: the server's Sec-WebSocket-Accept is "},
		{"masks", func(key string) string {
			return accepted(key) + string(websocket.AppendMasked(nil, websocket.OpBinary, hello, 7))
		}, "client 0: the server masks its frames"},
		{"echoes in parts", func(key string) string {
			return accepted(key) + string(serverFrame(websocket.BitFinal|websocket.OpBinary, hello[:511]))
		}, "client 0: a WebSocket message has 511 bytes"},
		{
			"closes with a reason", func(key string) string {
				return accepted(key) + string(serverFrame(websocket.BitFinal|websocket.OpClose, []byte("\x03\xf0no")))
			},
			`client 0 was not let in: the WebSocket was closed with code 1008 ("no")`,
		},
		{"ends after the echo", func(key string) string { return accepted(key) + echo }, "the server ended"},
	} {
		overBoth(t, test.what, func(t *testing.T, over transport) {
			c := Config{Clients: 1, Duration: chattest.Patience, Servers: []Server{serverAt(scripted(t, test.answer))}, Dialect: Chat("key")}
			c.Dialect.WebSocket = &WebSocket{Path: "/ws"}
			_, err := run(t.Context(), c, over, 1)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// scripted serves one connection: it answers the request, a byte at a time, and
// ends the connection.
func scripted(t *testing.T, answer func(key string) string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(chattest.Patience))
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		for _, b := range []byte(answer(request.Header.Get("Sec-WebSocket-Key"))) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn) // what is unread when it closes would be a reset
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return netip.MustParseAddrPort(l.Addr().String())
}
