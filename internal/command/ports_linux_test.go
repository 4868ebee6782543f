package command

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// While a port is held, connections wait. Hold returns when all is known that was accepted
// before. A port that is closed ends the hold.
func TestPortHold(t *testing.T) {
	all := new(ports)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := all.add("web", tcp)
	all.hold(t.Context()) // nobody accepts yet
	all.release()
	accepted, failed := make(chan net.Conn), make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				failed <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		all.hold(t.Context())
		all.hold(t.Context()) // again
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		select {
		case <-accepted:
			t.Fatal("a port that is held accepts")
		case <-time.After(10 * time.Millisecond):
		}
		all.release()
		(<-accepted).Close()
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	within, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if all.hold(within); within.Err() == nil { // what was accepted is in nobody's hands
		select {
		case <-accepted:
			t.Error("hold returns, and another connection may have been accepted")
		case <-time.After(10 * time.Millisecond): // it was not accepted before
		}
	} else {
		(<-accepted).Close()
	}
	l.Close()
	select {
	case err := <-failed:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("a port that is closed accepts: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("a port that is closed stays held")
	}
	if n := len(all.all()); n != 0 {
		t.Errorf("%d ports are open", n)
	}
}
