package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A goroutineTransport works on every system, at several times the cost of an
// epollTransport. Each connection has a goroutine that reads and one that
// writes. They tell what happens over a channel to the one that waits.
type goroutineTransport struct {
	ctx    context.Context // until close
	stop   context.CancelFunc
	all    sync.WaitGroup
	events chan event
	links  []*link
	timer  *time.Timer
}

// A link is one connection. It belongs to the one that waits, but for the
// channels.
type link struct {
	number int
	conn   net.Conn // once it is there
	busy   bool     // output has been handed over and not been written yet
	buffer []byte   // what output is a part of
	output chan []byte
	taken  chan struct{} // what was read was dealt with
}

// An event is what happened to a link: the first of these that is set.
type event struct {
	link  *link
	conn  net.Conn // it is connected
	err   error    // it ended
	bytes []byte   // it has read this
	wrote bool     // it has written its output
}

var _ transport = (*goroutineTransport)(nil)

func newGoroutines() *goroutineTransport {
	t := &goroutineTransport{events: make(chan event), timer: time.NewTimer(0)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

func (t *goroutineTransport) close() {
	t.stop()
	for _, l := range t.links {
		if l.conn != nil {
			l.conn.Close()
		}
	}
	t.all.Wait()
	t.timer.Stop()
}

func (t *goroutineTransport) connect(number int, to netip.AddrPort) error {
	l := &link{number: number, output: make(chan []byte), taken: make(chan struct{})}
	if number == len(t.links) {
		t.links = append(t.links, l)
	} else {
		t.links[number] = l
	}
	t.all.Go(func() { t.connectAndRead(l, to) })
	return nil
}

func (t *goroutineTransport) write(number int, b []byte) (int, error) {
	l := t.links[number]
	if l.busy {
		return 0, nil
	}
	l.buffer = append(l.buffer[:0], b...)
	select {
	case l.output <- l.buffer:
		l.busy = true
		return len(b), nil
	case <-t.ctx.Done(): // nobody takes it any more
		return 0, t.ctx.Err()
	}
}

func (t *goroutineTransport) wait(until time.Time, h handler) error {
	t.timer.Reset(time.Until(until))
	select {
	case e := <-t.events:
		return t.handle(e, h)
	case <-t.timer.C:
		return nil
	}
}

func (t *goroutineTransport) handle(e event, h handler) error {
	l := e.link
	switch {
	case e.conn != nil:
		l.conn = e.conn
		t.all.Go(func() { t.writeOutput(l, e.conn) })
		return h.connected(l.number)
	case e.err != nil:
		return h.ended(l.number, e.err)
	case e.wrote:
		l.busy = false
		return h.writable(l.number)
	}
	err := h.received(l.number, e.bytes, 0)
	l.taken <- struct{}{}
	return err
}

// tell hands over an event; it returns false if nobody waits any more.
func (t *goroutineTransport) tell(e event) bool {
	select {
	case t.events <- e:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t *goroutineTransport) connectAndRead(l *link, to netip.AddrPort) {
	dialer := net.Dialer{Timeout: joinPatience}
	conn, err := dialer.DialContext(t.ctx, "tcp", to.String())
	if err != nil {
		if failed, ok := errors.AsType[*net.OpError](err); ok {
			err = failed.Err // without the address
		}
		t.tell(event{link: l, err: &connectError{err}})
		return
	}
	defer conn.Close()
	if !t.tell(event{link: l, conn: conn}) {
		return
	}
	b := make([]byte, 16<<10) // little, because each connection has one
	for {
		n, err := conn.Read(b)
		if n > 0 {
			if !t.tell(event{link: l, bytes: b[:n]}) {
				return
			}
			<-l.taken
		}
		if err != nil {
			t.tell(event{link: l, err: err})
			return
		}
	}
}

// writeOutput writes what the link is given. An error is left to the one that
// reads, which will meet it too.
func (t *goroutineTransport) writeOutput(l *link, conn net.Conn) {
	for {
		select {
		case b := <-l.output:
			conn.Write(b)
			t.tell(event{link: l, wrote: true})
		case <-t.ctx.Done():
			return
		}
	}
}
