package websocket

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	library "github.com/coder/websocket"
	"pgregory.net/rapid"
)

// opening returns the headers of a request that opens a WebSocket: that of the RFC,
// section 1.3.
func opening() http.Header {
	h := http.Header{}
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	h.Set("Sec-WebSocket-Version", "13")
	return h
}

// Browsers and proxies write these headers in more ways than one.
func TestCheckUpgrade(t *testing.T) {
	for _, change := range []http.Header{
		{},
		{"Upgrade": {"WebSocket"}},
		{"Upgrade": {"h2c, websocket"}},
		{"Connection": {"keep-alive, Upgrade"}},
		{"Connection": {"keep-alive", "upgrade"}},
		{"Sec-Websocket-Key": {" dGhlIHNhbXBsZSBub25jZQ== "}},
	} {
		h := opening()
		maps.Copy(h, change)
		accept, err := CheckUpgrade(h)
		if err != nil || accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			t.Errorf("%q: %q, %v", change, accept, err)
		}
	}
}

// Other requests are refused, with what is wrong.
func TestCheckUpgradeRefuses(t *testing.T) {
	for _, test := range []struct {
		change http.Header
		status int
		says   string
	}{
		{http.Header{"Upgrade": nil}, 426, "Upgrade"},
		{http.Header{"Upgrade": {"websockets"}}, 426, `"websockets"`},
		{http.Header{"Connection": nil}, 426, "Connection"},
		{http.Header{"Connection": {"close"}}, 426, `"close"`},
		{http.Header{"Sec-Websocket-Version": nil}, 426, "13"},
		{http.Header{"Sec-Websocket-Version": {"8"}}, 426, `"8"`},
		{http.Header{"Sec-Websocket-Version": {"13", "13"}}, 426, "13"},
		{http.Header{"Sec-Websocket-Key": nil}, 400, "0 headers"},
		{http.Header{"Sec-Websocket-Key": {"a", "b"}}, 400, "2 headers"},
		{http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ"}}, 400, "dGhlIHNhbXBsZSBub25jZQ"},
		{http.Header{"Sec-Websocket-Key": {"c2hvcnQ="}}, 400, "c2hvcnQ="},
	} {
		h := opening()
		maps.Copy(h, test.change)
		accept, err := CheckUpgrade(h)
		var refused *HandshakeError
		if !errors.As(err, &refused) || refused.Status != test.status || !strings.Contains(refused.Error(), test.says) || accept != "" {
			t.Errorf("%q: %q, %v; want %d and %s", test.change, accept, err, test.status, test.says)
		}
	}
}

// A request is taken if the library takes it, and answered with the same key.
func TestCheckUpgradeLikeTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := opening()
		for name, values := range map[string][]string{
			"Upgrade":    {"", "websocket", "WEBSOCKET", "h2c", "h2c,websocket", "websocket ,h2c", "web,socket"},
			"Connection": {"", "upgrade", "keep-alive", "keep-alive,Upgrade", "Upgrade, close", "up grade"},
			"Sec-Websocket-Key": {
				"", "dGhlIHNhbXBsZSBub25jZQ==", "\tdGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ", "!",
			},
		} {
			if rapid.Bool().Draw(t, "other "+name) {
				h[name] = rapid.SliceOfN(rapid.SampledFrom(values), 0, 2).Draw(t, name)
			}
		}
		h.Set("Sec-WebSocket-Version", rapid.SampledFrom([]string{"13", "13", "13", "", "12"}).Draw(t, "version"))
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		r.Header = h
		w := httptest.NewRecorder()
		library.Accept(w, r, nil) // which fails at last because there is no connection
		accept, err := CheckUpgrade(h)
		if taken := w.Code == http.StatusNotImplemented; taken != (err == nil) {
			t.Fatalf("%q: %v; the library says %d %s", h, err, w.Code, w.Body)
		}
		if err == nil && accept != AcceptKey(strings.TrimSpace(h.Get("Sec-WebSocket-Key"))) {
			t.Fatalf("%q: the key is %q", h, accept)
		}
	})
}

// The server's order decides; names are the client's to the letter.
func TestSelectSubprotocol(t *testing.T) {
	for _, test := range []struct {
		asked     []string
		supported []string
		want      string
	}{
		{nil, []string{"v2"}, ""},
		{[]string{"v2"}, nil, ""},
		{[]string{"v2"}, []string{"v2"}, "v2"},
		{[]string{"v1, v2 ,v3"}, []string{"v3", "v2"}, "v3"},
		{[]string{"v1", "v2"}, []string{"v2"}, "v2"},
		{[]string{"V2", "v22"}, []string{"v2"}, ""},
		{[]string{""}, []string{"v2"}, ""},
	} {
		h := http.Header{"Sec-Websocket-Protocol": test.asked}
		if got := SelectSubprotocol(h, test.supported...); got != test.want {
			t.Errorf("%q of %q: %q, want %q", test.supported, test.asked, got, test.want)
		}
	}
}
