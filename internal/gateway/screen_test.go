//go:build linux

package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/chattest"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
)

// listOf returns a list of addresses.
func listOf(t *testing.T, text string) *origin.List {
	t.Helper()
	l, err := origin.ParseList(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refusal opens a WebSocket that is refused, for a client behind a proxy, or for none. It
// returns the status of the answer.
func (r *room) refusal(t *testing.T, client string) (status int, retryAfter string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), chattest.Patience)
	defer cancel()
	options := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if client != "" {
		options.HTTPHeader.Set("X-Forwarded-For", client)
	}
	c, response, err := websocket.Dial(ctx, r.url, options)
	if err == nil {
		c.CloseNow()
		return http.StatusSwitchingProtocols, ""
	}
	if response == nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Retry-After")
}

// An address that is banned, denied or connects too often opens no WebSocket, and its
// client learns why.
func TestRefusedAddresses(t *testing.T) {
	table := origin.NewTable(origin.Config{
		Failures: 1, Ban: time.Hour, ConnectRate: 2, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	table.SetLists(origin.Lists{Deny: listOf(t, "203.0.113.3")})
	r := start(t, server.Config{}, Config{Addresses: table, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	table.Wrong(netip.MustParseAddr("203.0.113.1"), []byte("guess"), time.Now())
	if status, retry := r.refusal(t, "203.0.113.1"); status != http.StatusTooManyRequests || retry != "3600" {
		t.Errorf("a banned address: status %d, to be tried again in %q s", status, retry)
	}
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusSwitchingProtocols, http.StatusTooManyRequests} {
		if status, _ := r.refusal(t, "203.0.113.2"); status != want {
			t.Errorf("connection %d of a minute: status %d, want %d", i+1, status, want)
		}
	}
	for i := range 5 {
		if status, _ := r.refusal(t, ""); status != http.StatusSwitchingProtocols {
			t.Errorf("connection %d of the proxy itself: status %d", i+1, status)
		}
	}
}

// A connection from an address that is denied is reset before anything is read, unless it
// is a proxy's.
func TestScreenedListener(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		table := origin.NewTable(origin.Config{})
		table.SetLists(origin.Lists{Allow: listOf(t, "203.0.113.0/24")})
		config := Config{Addresses: table}
		if trusted {
			config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		}
		r := start(t, server.Config{}, config)
		c, err := net.Dial("tcp", r.url[len("ws://"):])
		if err == nil { // or it was reset at once
			defer c.Close()
			c.SetDeadline(time.Now().Add(chattest.Patience))
			c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			_, err = c.Read(make([]byte, 1))
		}
		if isReset := errors.Is(err, syscall.ECONNRESET); isReset == trusted || (err == nil) != trusted {
			t.Errorf("trusted %v: %v", trusted, err)
		}
	}
}
