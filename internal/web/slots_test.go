//go:build linux

package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An address has some of the slots, and another still gets one.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlots(3, 2)
		take := func(address string) (leave func(), err error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return p.take(ctx, netip.MustParseAddr(address))
		}
		mustTake := func(address string) func() {
			t.Helper()
			leave, err := take(address)
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		first, second := mustTake("192.0.2.1"), mustTake("192.0.2.1")
		if _, err := take("192.0.2.1"); err == nil {
			t.Error("an address has a third slot")
		}
		third := mustTake("192.0.2.2")
		if _, err := take("192.0.2.3"); err == nil {
			t.Error("there are more slots than there are")
		}
		first()
		mustTake("192.0.2.3")()
		second()
		third()
		if len(p.addresses) > 0 || len(p.all) > 0 {
			t.Errorf("%d addresses and %d slots stay", len(p.addresses), len(p.all))
		}
	})
}

// A deaf writer takes nothing until it is allowed to.
type deafWriter struct {
	http.ResponseWriter
	writing chan<- struct{}
	allowed <-chan struct{}
}

func (w deafWriter) Write(p []byte) (int, error) {
	w.writing <- struct{}{}
	<-w.allowed
	return w.ResponseWriter.Write(p)
}

func askArchive(query string) *http.Request {
	r := httptest.NewRequest("GET", "/api/messages"+query, nil)
	r.Header.Set("Authorization", bearer(key))
	return r
}

// Browsers that don't read their answers keep nobody waiting.
func TestDeafBrowsersTakeNoSlot(t *testing.T) {
	c := config()
	c.History = filepath.Join(t.TempDir(), "chat.db")
	keep(t, c.History, 10)
	h := Handler(c)
	const deaf = 3 * slotsInAll
	writing, allowed := make(chan struct{}, 1000), make(chan struct{})
	done := make(chan struct{})
	for i := range deaf {
		go func() {
			defer func() { done <- struct{}{} }()
			query := []string{"", "?q=number"}[i%2]
			h.ServeHTTP(deafWriter{httptest.NewRecorder(), writing, allowed}, askArchive(query))
		}()
	}
	defer func() {
		close(allowed)
		for range deaf {
			<-done
		}
	}()
	for i := range deaf {
		select {
		case <-writing:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d browsers are answered", i, deaf)
		}
	}
	for _, query := range []string{"", "?q=number"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, askArchive(query))
		if w.Code != http.StatusOK {
			t.Errorf("%q: the status is %d", query, w.Code)
		}
	}
}

// A query that is too much is refused in words: for what is in it, for how long
// it takes, or because others read.
func TestArchiveRefuses(t *testing.T) {
	c := config()
	c.History = filepath.Join(t.TempDir(), "chat.db")
	keep(t, c.History, 10)
	ask := func(a *archive, query string) (int, string) {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, askArchive(query))
		if later := w.Header().Get("Retry-After"); (later == retryAfter) != (w.Code == http.StatusServiceUnavailable) {
			t.Errorf("%q: status %d, to be tried again in %q seconds", query, w.Code, later)
		}
		return w.Code, w.Body.String()
	}
	a := newArchive(c)
	if status, said := ask(a, "?q="+url.QueryEscape(strings.Repeat("num* ", 300))); status != http.StatusOK {
		t.Errorf("the same word many times: status %d, %s", status, said)
	}
	if status, said := ask(a, "?q="+url.QueryEscape("a* b* c* d* e* f* g* h* i*")); status != http.StatusBadRequest || !strings.Contains(said, "9 end in *") {
		t.Errorf("many beginnings: status %d, %s", status, said)
	}
	a.mayLook = time.Nanosecond
	for query, sequence := range map[string]string{"?q=10": `"sequence":10,`, "?q=umber": ""} {
		status, said := ask(a, query)
		if isSaid := strings.Contains(said, `],"partsSince":`); status != http.StatusOK || isSaid != (sequence == "") || !strings.Contains(said, sequence) {
			t.Errorf("%q, with no time to look for parts of words: status %d, %s", query, status, said)
		}
	}
	a.mayRead = time.Nanosecond
	for _, query := range []string{"", "?q=number"} {
		if status, said := ask(a, query); status != http.StatusServiceUnavailable || !strings.Contains(said, "takes too long") {
			t.Errorf("%q, in no time: status %d, %s", query, status, said)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(c)
		for i := range byte(slotsInAll) {
			if _, err := a.searches.take(t.Context(), netip.AddrFrom4([4]byte{192, 0, 2, i})); err != nil {
				t.Fatal(err)
			}
		}
		if status, said := ask(a, "?q=number"); status != http.StatusServiceUnavailable || !strings.Contains(said, "try again") {
			t.Errorf("when others search: status %d, %s", status, said)
		}
	})
}
