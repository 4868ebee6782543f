package bench

import (
	"net/netip"
	"strings"
	"testing"

	"sop-chat/internal/websocket"
)

// accepted returns the answer that opens a WebSocket.
func accepted(key string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Accept: " + websocket.AcceptKey(key) + "\r\n\r\n"
}

// agreed returns the answer of a server that speaks a subprotocol.
func agreed(key, subprotocol string) string {
	return strings.TrimSuffix(accepted(key), "\r\n") + "Sec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n"
}

// The answer may come in any pieces, and something behind it.
func TestUpgrade(t *testing.T) {
	for cut := range 300 {
		u := newUpgrade(&WebSocket{Path: "/ws"}, "", "", netip.MustParseAddrPort("[::1]:80"))
		if request := string(u.request()); !strings.HasPrefix(request, "GET /ws HTTP/1.1\r\nHost: [::1]:80\r\n") {
			t.Fatalf("the request is %q", request)
		}
		answer := []byte(accepted(u.key) + "behind")
		cut = min(cut, len(answer))
		whole, rest, err := u.read(answer[:cut])
		if !whole && err == nil {
			var more []byte
			whole, more, err = u.read(answer[cut:])
			rest = append(rest, more...)
		} else {
			rest = append(rest, answer[cut:]...)
		}
		if !whole || err != nil || string(rest) != "behind" {
			t.Errorf("cut at %d: %v, %q behind it, %v", cut, whole, rest, err)
		}
	}
}

// What opens no WebSocket is named, with what can be done.
func TestNoUpgrade(t *testing.T) {
	right := accepted("key")
	for _, test := range []struct{ what, answer, want string }{
		{
			"not found", "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n404 page not found\n",
			`the server answers "404 Not Found" to the request for a WebSocket at http://host/ws: there is nothing at that path. It says: "404 page not found"`,
		},
		{"forbidden", "HTTP/1.1 403 Forbidden\r\n\r\n", `"403 Forbidden" to the request for a WebSocket at http://host/ws: it lets nobody in from here`},
		{"wrong host", "HTTP/1.1 421 Misdirected Request\r\n\r\n", "other hosts (--web-origin)"},
		{"full", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "no room for another connection"},
		{"no WebSocket", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", "it speaks HTTP, but opens no WebSocket there"},
		{"a page", "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>no</p>", "there is nothing at that path"},
		{"wrong key", strings.Replace(right, websocket.AcceptKey("key"), websocket.AcceptKey("another"), 1), "the server's Sec-WebSocket-Accept is "},
		{"no key", strings.Replace(right, "Sec-WebSocket-Accept", "X", 1), `the server's Sec-WebSocket-Accept is ""`},
		{"other protocol", strings.Replace(right, "WebSocket\r\n", "h2c\r\n", 1), `another protocol than WebSocket: Upgrade: "h2c"`},
		{"extension", "HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", `the server chooses "permessage-deflate" for Sec-WebSocket-Extensions`},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", `the server does not speak HTTP: it answers "SSH-2.0-OpenSSH_9.2\r\n"`},
		{"broken", "HTTP/1.1 hello\r\n\r\n", "can't be read"},
		{"endless", "HTTP/1.1 101 X\r\nA: " + strings.Repeat("a", maxUpgrade), "no end within 16384 bytes"},
	} {
		u := &upgrade{host: "host", path: "/ws", key: "key"}
		if _, _, err := u.read([]byte(test.answer)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v; want %q", test.what, err, test.want)
		}
	}
}
