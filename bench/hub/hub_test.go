package main

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/bench"
)

// against returns little work for a hub.
func against(t *testing.T, key string) bench.Config {
	t.Helper()
	s := httptest.NewServer(newHub("key"))
	t.Cleanup(s.Close)
	d := bench.Chat(key)
	d.WebSocket = &bench.WebSocket{Path: "/"}
	return bench.Config{
		Servers: []bench.Server{{Addrs: []netip.AddrPort{netip.MustParseAddrPort(s.Listener.Addr().String())}}}, Dialect: d,
		Clients: 5, Senders: 2, Window: 32, Duration: 200 * time.Millisecond,
	}
}

// It passes every check that the others pass.
func TestHub(t *testing.T) {
	for _, rate := range []int{0, 1000} {
		config := against(t, "key")
		config.Rate = rate
		report, err := bench.Run(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verified == 0 {
			t.Error("nothing was delivered")
		}
	}
}

func TestWrongKey(t *testing.T) {
	_, err := bench.Run(t.Context(), against(t, "another"))
	if err == nil || !strings.HasPrefix(err.Error(), "the server let nobody in") {
		t.Error(err)
	}
}
