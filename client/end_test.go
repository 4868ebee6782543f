package client

import (
	"context"
	"errors"
	"net"
	"testing"
)

// A session that Close has ended ends so, also if the connection has just come to an end
// that would look as if Finish had been called.
func TestEndAfterClose(t *testing.T) {
	for _, closed := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, want := &Session{ctx: ctx, ended: make(chan struct{})}, errEnd
		if closed {
			cancel()
			want = net.ErrClosed
		}
		if err := s.end(errEnd); !errors.Is(err, want) || !errors.Is(s.err, want) {
			t.Errorf("closed %v: the session ends with %v and keeps %v, want %v", closed, err, s.err, want)
		}
	}
}
