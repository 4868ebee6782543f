package webhook

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A name is mentioned where it is a word of its own.
func TestMentions(t *testing.T) {
	for _, test := range []struct {
		text, name string
		want       bool
	}{
		{"alice", "alice", true},
		{"@Alice: look", "alice", true},
		{"is alice there?", "ALICE", true},
		{"malice", "alice", false},
		{"alice2 and alice", "alice", true},
		{"alice_2", "alice", false},
		{"é alicé", "alice", false},
		{"żółw, spójrz", "Żółw", true},
		{"日本語", "日本", false},
		{"", "alice", false},
		{"anything", "", false},
	} {
		if got := mentions(test.text, test.name); got != test.want {
			t.Errorf("%q mentions %q: %v", test.text, test.name, got)
		}
	}
	p := &Poster{name: "alice"}
	if p.Mentions("Alice", "I am alice") || !p.Mentions("bob", "hi alice") {
		t.Error("one's own message is a mention, or another's is none")
	}
}

// A journal keeps what is logged.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// waitFor waits until a text is logged.
func (j *journal) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(j.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not logged, but %s", text, j)
		}
	}
}

// Mentions are posted in their order, as JSON.
func TestPoster(t *testing.T) {
	came := make(chan Mention, 100)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m Mention
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/secret" {
			t.Errorf("%s: %v, %v", r.URL, err, r.Header)
		}
		came <- m
	}))
	defer h.Close()
	p := NewPoster("alice", h.URL+"/secret", slog.New(slog.DiscardHandler))
	defer p.Close()
	for i := range 20 {
		p.Post(Mention{"main", "bob", "hi alice", uint64(i), time.Unix(1_000_000_000, 0).UTC()})
	}
	for i := range 20 {
		select {
		case m := <-came:
			if m != (Mention{"main", "bob", "hi alice", uint64(i), time.Unix(1_000_000_000, 0).UTC()}) {
				t.Fatalf("%+v came as number %d", m, i)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing comes")
		}
	}
}

// What can't be posted is counted and logged, without the address; nobody follows a
// redirection, and nobody waits for a program that does not answer.
func TestPosterFails(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the mention is posted elsewhere") }))
	defer elsewhere.Close()
	release := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-release
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer h.Close()
	var log journal
	p := NewPoster("alice", h.URL+"/secret", slog.New(slog.NewTextHandler(&log, nil)))
	defer p.Close()
	const more = 10
	for i := range mostMentions + 1 + more { // one may be under way already
		p.Post(Mention{Number: uint64(i)})
	}
	p.Miss(1000)
	if n := p.leftOut.Load(); n < 1000+more {
		t.Errorf("%d are left out", n)
	}
	close(release)
	log.waitFor(t, "mentions could not be posted")
	if got := log.String(); !strings.Contains(got, "307 Temporary Redirect") || !strings.Contains(got, "failed=1") || strings.Contains(got, "secret") {
		t.Errorf("it is logged: %s", got)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	q := NewPoster("alice", gone.URL+"/secret", slog.New(slog.NewTextHandler(&log, nil)))
	q.Post(Mention{})
	log.waitFor(t, "refused")
	q.Close()
	if got := log.String(); strings.Contains(got, "secret") {
		t.Errorf("it is logged: %s", got)
	}
	q.Post(Mention{}) // is nothing any more
}
