//go:build linux

package web

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"sop-chat/internal/wire"
)

// bearer returns the header that gives a key.
func bearer(key string) string { return "Bearer " + base64.StdEncoding.EncodeToString([]byte(key)) }

// A client that has the key of a room is told its name. One that has not is told the
// same, whatever it gives, so it learns nothing of which rooms there are.
func TestAbout(t *testing.T) {
	c := config()
	c.Replay = 20
	h := Handler(c)
	const nothing = `{"history":false,"replay":20}`
	for authorization, want := range map[string]string{
		bearer("maths key"):                 `{"history":false,"name":"maths","replay":7}`,
		bearer("maths key\x00 and more"):    `{"history":false,"name":"maths","replay":7}`, // as the server reads a key
		bearer("class key"):                 `{"history":false,"name":"\u003cb\u003eżółw\u003c/b\u003e","replay":0}`,
		bearer(key):                         `{"history":false,"replay":0}`,
		"":                                  nothing,
		"Bearer":                            nothing, // an empty key
		"Bearer maths key":                  nothing,
		"bearer " + bearer("maths key")[7:]: nothing,
		bearer("maths"):                     nothing,
		bearer("maths keys"):                nothing,
		bearer("maths key" + strings.Repeat("x", 500)): nothing,
	} {
		resp := get(t, h, "/api/room", "Authorization", authorization)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || string(body) != want+"\n" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: status %d, %s (%v), headers %v; want %s", authorization, resp.StatusCode, body, err, resp.Header, want)
		}
	}
}

// An empty key opens the room that has one, although HTTP cuts off the blank before it.
func TestEmptyKey(t *testing.T) {
	c := config()
	c.Room = func(_ context.Context, _ netip.Addr, key string) (Room, error) {
		if key == "" {
			return Room{Name: "open"}, nil
		}
		return Room{}, ErrWrongKey
	}
	for authorization, want := range map[string]string{"Bearer": `"name":"open"`, "Bearer ": `"name":"open"`, "": `"history"`, "Basic": `"history"`} {
		body, _ := io.ReadAll(get(t, Handler(c), "/api/room", "Authorization", authorization).Body)
		if !strings.Contains(string(body), want) || strings.Contains(string(body), "open") != strings.Contains(want, "open") {
			t.Errorf("%q is answered by %s, want %s", authorization, body, want)
		}
	}
}

// Whatever a client gives that is no key of a room, the answers don't differ, and the
// rooms are asked for at most one key.
func TestWrongKeysAreAlike(t *testing.T) {
	c := config()
	c.History = t.TempDir() + "/chat.db"
	keep(t, c.History, 1)
	find, asked := c.Room, 0
	c.Room = func(ctx context.Context, from netip.Addr, given string) (Room, error) {
		asked++
		return find(ctx, from, given)
	}
	h := Handler(c)
	for _, path := range []string{"/api/room", "/api/messages", "/api/messages?q=number", "/api/messages?before=x"} {
		var first string
		for i, given := range []string{"guess", "maths", "maths ke", "main", strings.Repeat("x", wire.TextSize)} {
			asked = 0
			resp := get(t, h, path, "Authorization", bearer(given))
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			answer := fmt.Sprint(resp.StatusCode, resp.Header, string(body))
			if i == 0 {
				first = answer
			}
			if answer != first || asked != 1 {
				t.Errorf("%s with %q is answered by %s, and with another by %s; the rooms were asked %d times", path, given, answer, first, asked)
			}
		}
	}
}

// A client whose key can't be checked for now is told to ask again later, and not that
// its key is wrong.
func TestUncheckedKey(t *testing.T) {
	c := config()
	c.History = t.TempDir() + "/chat.db"
	keep(t, c.History, 1)
	for _, path := range []string{"/api/room", "/api/messages"} {
		resp := get(t, Handler(c), path, "Authorization", bearer("busy key"))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, headers %v", path, resp.StatusCode, resp.Header)
		}
	}
}
