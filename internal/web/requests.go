//go:build linux

package web

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// Requests are those that are being answered. The zero value has none. Its methods may be
// called by any goroutine.
type Requests struct{ underWay atomic.Int64 }

// count returns a handler that counts the requests to another.
func (r *Requests) count(next http.Handler) http.Handler {
	if r == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.underWay.Add(1)
		defer r.underWay.Add(-1)
		next.ServeHTTP(w, request)
	})
}

// Wait waits until no request is being answered, or ctx is done.
func (r *Requests) Wait(ctx context.Context) {
	const interval = 2 * time.Millisecond
	again := time.NewTicker(interval)
	defer again.Stop()
	for r.underWay.Load() > 0 {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
