//go:build linux

package server

import (
	"context"
	"time"
)

// settleInterval is how often it is looked which logs give their memory back, while some
// use any. So a room in which nothing is said for up to twice that holds none.
const settleInterval = 10 * time.Second

// settle has logs give their memory back that are not used any more, until ctx is done.
func (s *Server) settle(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.pool.Active():
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settleInterval):
			s.pool.Settle()
		}
	}
}
