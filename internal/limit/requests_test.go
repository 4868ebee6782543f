//go:build linux

package limit

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// End waits for what has begun, and no longer than it may.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(Requests)
		r.End(t.Context())
		done := r.Begin()
		begun := time.Now()
		time.AfterFunc(time.Minute, done)
		within, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.End(within)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it waited for %v, and was to for a second", took)
		}
		if r.End(t.Context()); time.Since(begun) < time.Minute {
			t.Errorf("it waited for %v, and the request took a minute", time.Since(begun))
		}
		r.State(&net.TCPConn{}, http.StateNew)
		begun = time.Now()
		if r.End(t.Context()); time.Since(begun) < firstRequest || time.Since(begun) > time.Second {
			t.Errorf("it waited for %v for a connection on which nothing comes", time.Since(begun))
		}
		(*Requests)(nil).Begin()()
	})
}

// A connection counts until its request has been answered, and not while it waits for
// another. From End on, it is closed then.
func TestRequestsOfConnections(t *testing.T) {
	r, during := new(Requests), make(chan bool, 1)
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { during <- r.any() })
	server := httptest.NewUnstartedServer(r.Count(handler))
	server.Config.ConnState = r.State
	server.Start()
	defer server.Close()
	for i, closes := range []bool{false, false, true, false} { // the first two over one connection
		answer, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if !<-during {
			t.Error("a request that is being answered does not count")
		}
		if answer.Close != closes {
			t.Errorf("the connection of request %d ends: %v", i, answer.Close)
		}
		within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if r.End(within); within.Err() != nil {
			t.Error("a connection without a request counts")
		}
		if i != 1 {
			r.Resume()
		}
		cancel()
	}
}
