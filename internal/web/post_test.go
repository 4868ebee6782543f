//go:build linux

package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sop-chat/internal/origin"
	"sop-chat/internal/webhook"
)

// hooked returns a configuration in which the key ci:right posts, and what it has posted.
func hooked(answer func(webhook.Post) (Said, error)) (c Config, posted *[]webhook.Post) {
	c = config()
	posted = new([]webhook.Post)
	c.Hook = func(_ context.Context, _ netip.Addr, key string) (Hook, error) {
		switch key {
		case "ci:right":
			return func(_ context.Context, _ netip.AddrPort, p webhook.Post) (Said, error) {
				*posted = append(*posted, p)
				return answer(p)
			}, nil
		case "ci:busy":
			return nil, ErrUnchecked
		}
		return nil, ErrWrongKey
	}
	return c, posted
}

func said(webhook.Post) (Said, error) { return Said{Room: "main", Number: 17, Messages: 1}, nil }

// post sends a request, and returns its status, its answer and its header.
func post(h http.Handler, body string, header ...string) (int, string, http.Header) {
	r := httptest.NewRequest("POST", "/api/messages", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

// A program posts a text with its key, and is told where it was said.
func TestPost(t *testing.T) {
	c, posted := hooked(said)
	h := Handler(c)
	const basic = "Basic Y2k6cmlnaHQ=" // ci:right
	for i, header := range [][]string{
		{"Authorization", "Bearer ci:right"},
		{"Authorization", "Bearer ci:right", "Content-Type", "application/x-www-form-urlencoded"},
		{"Authorization", basic, "Content-Type", "text/plain"},
		{"Authorization", "bearer  ci:right"},
	} {
		text := fmt.Sprint("build ", i, " failed")
		status, answer, headers := post(h, text, header...)
		if status != http.StatusOK || answer != `{"room":"main","number":17,"messages":1}`+"\n" || headers.Get("Content-Type") != "application/json" {
			t.Errorf("%q: status %d, %s", header, status, answer)
		}
		if last := (*posted)[len(*posted)-1]; last.Text != text {
			t.Errorf("%q: %+v is posted", header, last)
		}
	}
	if _, _, headers := post(h, "x"); headers.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("without a key: %v", headers)
	}
	if resp := get(t, h, "/api/messages", "Authorization", "Bearer ci:right"); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("the history answers the key of a webhook with status %d", resp.StatusCode)
	}
	c.Hook = nil
	if status, _, _ := post(Handler(c), "x", "Authorization", "Bearer ci:right"); status == http.StatusOK {
		t.Error("a text is taken where there are no webhooks")
	}
}

// What is not said is answered with the reason, and when to try again.
func TestPostRefuses(t *testing.T) {
	answers := map[string]error{
		"held": &LaterError{errors.New("the room is held"), 1500 * time.Millisecond},
		"long": fmt.Errorf("%w: by far", ErrLong),
		"gone": errors.New("the room is gone"),
	}
	c, posted := hooked(func(p webhook.Post) (Said, error) { return Said{}, answers[p.Text] })
	h := Handler(c)
	for _, test := range []struct {
		what, key, kind, body string
		status                int
		want, after           string
	}{
		{"no key", "", "", "text", 401, "there is no key", ""},
		{"a wrong key", "Bearer ci:wrong", "", "text", 401, "wrong key", ""},
		{"the key of a room", bearer(key), "", "text", 401, "wrong key", ""},
		{"a key that is too long", "Bearer ci:" + strings.Repeat("x", 500), "", "text", 401, "there is no key", ""},
		{"another scheme", "Digest ci:right", "", "text", 401, "there is no key", ""},
		{"a key that waits", "Bearer ci:busy", "", "text", 503, "wait", "5"},
		{"no text", "Bearer ci:right", "", "", 400, "the text is empty", ""},
		{"no JSON", "Bearer ci:right", "application/json", "text", 400, "not JSON", ""},
		{"another type", "Bearer ci:right", "image/png", "text", 415, `of the type "image/png"`, ""},
		{"a long body", "Bearer ci:right", "", strings.Repeat("x", webhook.MaxBody+1), 413, "more than 64 KiB", ""},
		{"a long text", "Bearer ci:right", "", "long", 413, "too long: by far", ""},
		{"a room that is held", "Bearer ci:right", "", "held", 429, "the room is held", "2"},
		{"no room", "Bearer ci:right", "", "gone", 503, "the room is gone", ""},
	} {
		status, answer, headers := post(h, test.body, "Authorization", test.key, "Content-Type", test.kind)
		if status != test.status || !strings.Contains(answer, test.want) || headers.Get("Retry-After") != test.after {
			t.Errorf("%s: status %d, %s, Retry-After %q; want %d, %q, %q", test.what, status, answer, headers.Get("Retry-After"), test.status, test.want, test.after)
		}
	}
	if len(*posted) != 3 {
		t.Errorf("%d texts were posted", len(*posted))
	}
}

// Wrong keys of webhooks count like those that are given to join, and a right one is not
// looked at while its address is banned.
func TestPostIsCounted(t *testing.T) {
	c, _ := hooked(said)
	c.Addresses = origin.NewTable(origin.Config{Failures: 3, Ban: time.Minute, Undelayed: 100})
	h := Handler(c)
	for i := range 3 {
		if status, _, _ := post(h, "text", "Authorization", fmt.Sprint("Bearer ci:wrong", i)); status != http.StatusUnauthorized {
			t.Errorf("wrong key %d: status %d", i, status)
		}
	}
	status, answer, headers := post(h, "text", "Authorization", "Bearer ci:right")
	if status != http.StatusTooManyRequests || headers.Get("Retry-After") == "" {
		t.Errorf("the right key of a banned address: status %d, %s", status, answer)
	}
}

// Nothing that may be in a body is read before the key is right.
func TestPostReadsAfterKey(t *testing.T) {
	c, _ := hooked(said)
	body := &countedReader{}
	r := httptest.NewRequest("POST", "/api/messages", body)
	r.Header.Set("Authorization", "Bearer ci:wrong")
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || body.reads > 0 {
		t.Errorf("status %d after %d reads", w.Code, body.reads)
	}
}

// A text whose body breaks off is not said, and the program is told so: an answer of 200
// would have it lost unnoticed.
func TestPostOfBrokenBody(t *testing.T) {
	c, posted := hooked(said)
	r := httptest.NewRequest("POST", "/api/messages", io.MultiReader(strings.NewReader("half a te"), iotest.ErrReader(os.ErrDeadlineExceeded)))
	r.Header.Set("Authorization", "Bearer ci:right")
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, r)
	if w.Code != http.StatusRequestTimeout || !strings.Contains(w.Body.String(), "nothing was said") || len(*posted) > 0 {
		t.Errorf("status %d, %s; posted %v", w.Code, w.Body.String(), *posted)
	}
}

// A countedReader counts reads, and has nothing.
type countedReader struct{ reads int }

func (r *countedReader) Read([]byte) (int, error) {
	r.reads++
	return 0, io.EOF
}

// A number that is not known yet is not said.
func TestSaidWithoutNumber(t *testing.T) {
	answer, err := json.Marshal(Said{Room: "main", Messages: 1})
	if err != nil || string(answer) != `{"room":"main","messages":1}` {
		t.Errorf("%s, %v", answer, err)
	}
}
