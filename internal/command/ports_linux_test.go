package command

import (
	"errors"
	"net"
	"testing"
	"time"
)

// While a port is held, connections wait. A port that is closed ends the hold.
func TestPortHold(t *testing.T) {
	all := new(ports)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := all.add("web", tcp)
	accept := func() <-chan error {
		next := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				c.Close()
			}
			next <- err
		}()
		return next
	}
	for range 3 {
		all.hold()
		all.hold() // again
		next := accept()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-next:
			t.Fatalf("a port that is held accepts: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		all.release()
		if err := <-next; err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	next := accept() // from before it is held
	all.hold()
	l.Close()
	if err := <-next; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a port that is closed accepts: %v", err)
	}
	if n := len(all.all()); n != 0 {
		t.Errorf("%d ports are open", n)
	}
}
