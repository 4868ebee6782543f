//go:build linux

package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A browser that is refused for its origin is logged with its own address, and not
// with that of its proxy.
func TestRefusalNamesTheBrowser(t *testing.T) {
	var log bytes.Buffer
	g := New(Config{Proxies: prefixes("10.0.0.0/8"), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := httptest.NewRequest("GET", "/ws", nil)
	r.RemoteAddr = "10.0.0.1:1234"
	for name, value := range map[string]string{
		"X-Forwarded-For": "198.51.100.7", "Origin": "https://evil.example", "Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if said := log.String(); w.Code != http.StatusForbidden || !strings.Contains(said, "address=198.51.100.7:0") {
		t.Errorf("status %d, and the log says\n%s", w.Code, said)
	}
}

// Of many refusals some are logged, and how many others there were.
func TestLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := New(Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		r := httptest.NewRequest("GET", "/ws", nil)
		for range 3 {
			log.Reset()
			for range 1000 {
				g.LogRefusal(r, errors.New("no"))
			}
			time.Sleep(logWindow + time.Second)
			synctest.Wait()
			if n := strings.Count(log.String(), "\n"); n != logLines+1 || !strings.Contains(log.String(), "times=980 ") {
				t.Errorf("%d lines are logged:\n%s", n, &log)
			}
		}
	})
}
