//go:build linux

package limit

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Requests are those that are under way, so that a server can be replaced when there are
// none. The zero value has none. Any goroutine may call the methods; those that count do
// nothing if it is nil.
type Requests struct {
	mu     sync.Mutex
	count  int                    // guarded by mu
	conns  map[net.Conn]time.Time // guarded by mu; until when each counts; zero: to the end of its request
	ending bool                   // guarded by mu
}

// firstRequest is for how long a connection counts whose first request has yet to come. That
// comes at once, or perhaps never: browsers connect in advance.
const firstRequest = 100 * time.Millisecond

// Begin counts a request until done is called.
func (r *Requests) Begin() (done func()) {
	if r == nil {
		return func() {}
	}
	r.add(1)
	return func() { r.add(-1) }
}

func (r *Requests) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count += n
}

// Count returns a handler that counts the requests to another, and has their connections
// closed from End on.
func (r *Requests) Count(next http.Handler) http.Handler {
	if r == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		defer r.Begin()()
		if r.isEnding() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, request)
	})
}

// State is a http.Server's ConnState. With it, requests count from when their connections
// are accepted.
func (r *Requests) State(c net.Conn, s http.ConnState) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = make(map[net.Conn]time.Time)
	}
	switch s {
	case http.StateNew:
		r.conns[c] = time.Now().Add(firstRequest)
	case http.StateActive:
		r.conns[c] = time.Time{}
	default:
		delete(r.conns, c)
	}
}

func (r *Requests) isEnding() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ending
}

// any reports whether a request is under way.
func (r *Requests) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count > 0 {
		return true
	}
	for _, until := range r.conns {
		if until.IsZero() || time.Now().Before(until) {
			return true
		}
	}
	return false
}

// End has connections be closed after the request that is under way, and waits until there
// is none, or ctx is done.
func (r *Requests) End(ctx context.Context) {
	r.setEnding(true)
	const interval = 2 * time.Millisecond
	again := time.NewTicker(interval)
	defer again.Stop()
	for r.any() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// Resume undoes that.
func (r *Requests) Resume() { r.setEnding(false) }

func (r *Requests) setEnding(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending = is
}
