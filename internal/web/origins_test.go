//go:build linux

package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sop-chat/internal/gateway"
	"sop-chat/internal/origin"
)

// counting returns a configuration whose page counts wrong keys, and is behind a proxy.
func counting(c origin.Config) (Config, *origin.Table) {
	proxy := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} // from where httptest's requests come
	c.Trusted = proxy
	table := origin.NewTable(c)
	config := config()
	config.Addresses = table
	config.Gateway = gateway.New(gateway.Config{Adopt: func(gateway.Client) {}, Addresses: table, Proxies: proxy})
	return config, table
}

// from makes a request for a client behind the proxy.
func from(t *testing.T, h http.Handler, address, path, authorization string) (status int, body string, retryAfter int) {
	t.Helper()
	headers := []string{"X-Forwarded-For", address}
	if authorization != "" {
		headers = append(headers, "Authorization", authorization)
	}
	resp := get(t, h, path, headers...)
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	retryAfter, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, string(content), retryAfter
}

// A wrong key in a request counts as one that is given to join: the next ones have to
// wait, right ones as well, and in the end the address is banned.
func TestWrongKeysInRequests(t *testing.T) {
	for _, path := range []string{"/api/room", "/api/messages"} {
		c, table := counting(origin.Config{Failures: 3, Ban: 10 * time.Minute, Undelayed: 1, Delay: time.Minute})
		c.History = "a file that is not there"
		h := Handler(c)
		const eve, alice = "203.0.113.1", "203.0.113.2"
		for i := range 2 {
			if status, _, _ := from(t, h, eve, path, bearer(fmt.Sprint("guess ", i))); status == http.StatusTooManyRequests {
				t.Fatalf("%s: guess %d is answered with %d", path, i, status)
			}
		}
		for _, given := range []string{"guess 2", "maths key"} {
			status, body, retry := from(t, h, eve, path, bearer(given))
			if status != http.StatusTooManyRequests || retry < 50 || retry > 60 || !strings.Contains(body, "too many wrong keys came from your address; try again in ") {
				t.Errorf("%s: %q is answered with %d: %q, to be tried again in %d s", path, given, status, body, retry)
			}
		}
		if status, _, _ := from(t, h, alice, path, bearer("maths key")); status == http.StatusTooManyRequests {
			t.Errorf("%s: another address is delayed, too", path)
		}
		at := netip.MustParseAddr(eve)
		later := time.Now().Add(2 * time.Minute)
		if v, _ := table.Look(at, later); v != origin.Pass {
			t.Fatal(v)
		}
		table.Wrong(at, []byte("guess on TCP"), later) // the third
		for _, authorization := range []string{bearer("maths key"), ""} {
			if status, _, retry := from(t, h, eve, path, authorization); status != http.StatusTooManyRequests || retry < 600 {
				t.Errorf("%s: %q of a banned address is answered with %d, to be tried again in %d s", path, authorization, status, retry)
			}
		}
		if status, body, _ := from(t, h, eve, "/", ""); status != http.StatusOK || !strings.Contains(body, "<html") {
			t.Errorf("the page of a banned address is answered with %d", status)
		}
	}
}

// A right key in a request has the wrong ones before it forgotten. Requests without a
// key, or with what can't be one, count for nothing.
func TestRightKeysInRequests(t *testing.T) {
	c, table := counting(origin.Config{Failures: 3, Ban: time.Minute})
	h := Handler(c)
	const address = "203.0.113.1"
	for i := range 20 {
		if i%2 == 1 {
			from(t, h, address, "/api/room", bearer("maths key"))
		}
		from(t, h, address, "/api/room", "")
		from(t, h, address, "/api/room", "Bearer ключ")
		from(t, h, address, "/api/room", bearer(strings.Repeat("x", 500)))
		if status, _, _ := from(t, h, address, "/api/room", bearer(fmt.Sprint("mistyped ", i))); status != http.StatusOK {
			t.Fatalf("mistyped key %d is answered with %d", i, status)
		}
	}
	if n := table.Len(); n != 1 {
		t.Errorf("%d origins are remembered; the proxy's is none", n)
	}
}

// However many requests come at once, no more keys are looked at than an address has
// before it is banned.
func TestGuessesAtOnce(t *testing.T) {
	c, _ := counting(origin.Config{Failures: 10, Ban: time.Minute})
	looked := make(chan struct{}, 1000)
	c.Room = func(context.Context, netip.Addr, string) (Room, error) {
		looked <- struct{}{}
		return Room{}, ErrWrongKey
	}
	h := Handler(c)
	var running sync.WaitGroup
	for i := range 200 {
		running.Go(func() {
			r := httptest.NewRequest("GET", "/api/room", nil)
			r.Header.Set("X-Forwarded-For", "203.0.113.1")
			r.Header.Set("Authorization", bearer(fmt.Sprint(i)))
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	running.Wait()
	if n := len(looked); n != 10 {
		t.Errorf("%d keys are looked at, want 10", n)
	}
}

// Requests from addresses that are denied are answered with 403, whatever they ask for.
func TestDeniedRequests(t *testing.T) {
	c, table := counting(origin.Config{})
	deny, err := origin.ParseList("203.0.113.0/24", nil)
	if err != nil {
		t.Fatal(err)
	}
	table.SetLists(origin.Lists{Deny: deny})
	h := Handler(c)
	for _, path := range []string{"/", "/app.js", "/ws", "/api/room"} {
		if status, body, _ := from(t, h, "203.0.113.1", path, ""); status != http.StatusForbidden || body != "your address is not allowed here\n" {
			t.Errorf("%s is answered with %d: %q", path, status, body)
		}
		if status, _, _ := from(t, h, "198.51.100.1", path, ""); status == http.StatusForbidden {
			t.Errorf("%s for another address is answered with %d", path, status)
		}
	}
}
