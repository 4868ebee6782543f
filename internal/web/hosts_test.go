//go:build linux

package web

import (
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"sop-chat/internal/gateway"
)

// The page is served for addresses, localhost and the names it was given, or for
// the hosts of its URLs and no others.
func TestHosts(t *testing.T) {
	for _, test := range []struct {
		urls, names []string
		served      []string
		refused     []string
	}{
		{
			names:   []string{"Nas", "nas.local", "::"},
			served:  []string{"127.0.0.1", "127.0.0.1:8080", "192.168.1.5:8080", "[::1]:8080", "[::1]", "[fe80::1%25eth0]:80", "localhost", "LOCALHOST:8080", "localhost.", "nas", "NAS:8080", "nas.local"},
			refused: []string{"", "evil.example", "evil.example:8080", "localhost.evil.example", "nas.evil.example", "127.0.0.1.evil.example", "evil.example:127.0.0.1", "local", "."},
		},
		{
			urls:    []string{"https://Chat.example.com", "http://[2001:db8::1]:8080", "http://192.0.2.1/chat"},
			names:   []string{"nas"},
			served:  []string{"chat.example.com", "chat.example.com:443", "CHAT.example.com.", "[2001:db8::1]:8080", "192.0.2.1:80"},
			refused: []string{"", "nas", "localhost", "127.0.0.1:8080", "[::1]", "evil.example", "chat.example.com.evil.example", "example.com", "192.0.2.2"},
		},
	} {
		c := config()
		c.URLs, c.Names = test.urls, test.names
		h := Handler(c)
		status := func(host, path string) int {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		for _, host := range test.served {
			if got := status(host, "/"); got != 200 {
				t.Errorf("URLs %q: %q gets %d", test.urls, host, got)
			}
		}
		for _, host := range test.refused {
			for _, path := range []string{"/", "/ws", "/api/room", "/nothing"} {
				if got := status(host, path); got != 421 {
					t.Errorf("URLs %q: %q gets %d for %s", test.urls, host, got, path)
				}
			}
		}
	}
}

// A refusal says what to do, without what the host could make of it, and is
// logged with the browser's address.
func TestHostAdvice(t *testing.T) {
	var log bytes.Buffer
	c := config()
	c.Gateway = gateway.New(gateway.Config{
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
	})
	for _, test := range []struct {
		urls []string
		want string
	}{
		{nil, "--web-origin"},
		{[]string{"https://chat.example.com"}, "but at https://chat.example.com."},
		{[]string{"https://example.com/chat"}, "but at https://example.com/chat."},
	} {
		c.URLs = test.urls
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.RemoteAddr = "<b>evil\x1b", "127.0.0.1:1234"
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		w := httptest.NewRecorder()
		Handler(c).ServeHTTP(w, r)
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if said := string(body); !strings.Contains(said, test.want) || !strings.Contains(said, `"<b>evil\x1b"`) ||
			!strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("the answer is %q", said)
		}
	}
	if n := strings.Count(log.String(), "address=198.51.100.7:0 "); n != 3 {
		t.Errorf("the log says\n%s", &log)
	}
}
