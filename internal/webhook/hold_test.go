package webhook

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// While a poster is held, what comes waits. Hold waits for what is under way, and no longer
// than it may; what is waiting then is known, and the rest is posted after Release.
func TestPosterHold(t *testing.T) {
	came, release := make(chan uint64, 10), make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m Mention
		json.NewDecoder(r.Body).Decode(&m)
		came <- m.Number
		<-release
	}))
	defer h.Close()
	p := NewPoster("alice", h.URL, slog.New(slog.DiscardHandler))
	defer p.Close()
	next := func(want uint64) {
		t.Helper()
		select {
		case n := <-came:
			if n != want {
				t.Fatalf("mention %d is posted, want %d", n, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("mention %d is not posted", want)
		}
	}
	waiting := func(want ...uint64) {
		t.Helper()
		got := p.Waiting()
		for i, m := range got {
			if i >= len(want) || m.Number != want[i] {
				t.Fatalf("%v are waiting, want %v", got, want)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v are waiting, want %v", got, want)
		}
	}
	p.Post(Mention{Number: 1})
	p.Post(Mention{Number: 2})
	next(1)
	within, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	p.Hold(within)
	waiting(1, 2) // the first is not answered
	close(release)
	p.Hold(t.Context())
	waiting(2)
	p.Post(Mention{Number: 3})
	waiting(2, 3)
	p.Release()
	next(2)
	next(3)
}
