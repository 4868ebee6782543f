package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

const (
	// shortSilence is how long a connection of these tests may be silent. The
	// kernel has sent again three times before it is over.
	shortSilence = 2 * time.Second
	// much is more than a socket that nobody reads takes.
	much = 20_000
)

// A stalledServer admits one client, and then reads only when it is told to.
type stalledServer struct {
	net.Listener
	conn chan net.Conn
}

func newStalled(t testing.TB) *stalledServer {
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10) })
	}}
	l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stalledServer{l, make(chan net.Conn, 1)}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var m wire.Message
		io.ReadFull(conn, m[:])
		conn.Write(m[:])
		s.conn <- conn
	}()
	return s
}

// sendNumbered sends numbered texts, every tenth of two messages, until there are
// many or a Send blocks for a while.
func sendNumbered(c *client.Client, while time.Duration) (sent []string, err error) {
	for i := range much {
		text := fmt.Sprint(i, " ")
		if i%10 == 0 {
			text += strings.Repeat("long ", 150)
		}
		sent = append(sent, client.Split(text)...)
		ctx, cancel := context.WithTimeout(context.Background(), while)
		err := c.Send(ctx, text)
		cancel()
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Unacknowledged returns exactly the messages that the peer has not received, and
// none of them arrives later.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	s := newStalled(t)
	c := join(t, s.Addr().String(), "alice")
	conn := <-s.conn
	defer conn.Close()
	sent, err := sendNumbered(c, time.Second)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(c.Send(within(t), "more"), err) {
		t.Fatalf("no Send was interrupted: %v", err)
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "what has come is acknowledged", func() bool {
		come := 0
		raw.Control(func(fd uintptr) { come, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return come/wire.Size == len(sent)-len(c.Unacknowledged())
	})
	c.Close()
	unacked := c.Unacknowledged()
	var come []string
	for {
		var m wire.Message
		if _, err := io.ReadFull(conn, m[:]); err != nil {
			break
		}
		come = append(come, string(m.Text()))
	}
	if all := slices.Concat(come, unacked); len(come) == 0 || len(unacked) == 0 || !slices.Equal(all, sent) {
		t.Errorf("of %d messages %d have come and %d are unacknowledged, which are not the rest", len(sent), len(come), len(unacked))
	}
}

// A server that does not read for a long time does not count as gone.
func TestHeldIsNotGone(t *testing.T) {
	t.Parallel()
	s := newStalled(t)
	c := join(t, s.Addr().String(), "alice", client.WithSilence(500*time.Millisecond))
	conn := <-s.conn
	defer conn.Close()
	type result struct {
		sent []string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		sent, err := sendNumbered(c, testTimeout)
		done <- result{sent, err}
	}()
	for i := range 2 { // with a probe the second time
		select {
		case r := <-done:
			t.Fatalf("it has ended: %v", r.err)
		case <-time.After(4 * time.Second):
		}
		if i == 0 {
			c.Probe()
		}
	}
	read := make(chan int)
	go func() {
		n, _ := io.Copy(io.Discard, conn)
		conn.Close()
		read <- int(n)
	}()
	r := <-done
	if r.err != nil {
		t.Fatalf("it has ended: %v", r.err)
	}
	if err := c.Finish(within(t)); err != nil {
		t.Errorf("Finish: %v", err)
	}
	if n := <-read / wire.Size; n != len(r.sent) {
		t.Errorf("%d of %d messages have come", n, len(r.sent))
	}
	if unacked := c.Unacknowledged(); len(unacked) > 0 {
		t.Errorf("%d messages are unacknowledged", len(unacked))
	}
}

// A client notices that the network is gone, and knows the messages that did not
// arrive; over TLS too, whichever direction fails, and while Finish waits.
func TestNetworkGone(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	cert, pool := certificate(t)
	plain := func(l net.Listener) (net.Listener, []client.Option) { return l, nil }
	secure := func(l net.Listener) (net.Listener, []client.Option) {
		config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}), []client.Option{client.WithTLS(config)}
	}
	for _, test := range []struct {
		what  string
		over  func(net.Listener) (net.Listener, []client.Option)
		cut   func()
		texts []string
		end   func(c *client.Client) error // how the end is noticed
	}{
		{"plain", plain, n.cut, []string{"one", "two"}, receives},
		{"TLS", secure, n.cut, []string{"one", strings.Repeat("two ", 300)}, receives},
		{"only ours is lost", plain, func() { n.cutFrom(1) }, []string{"one", "two"}, receives},
		{"only theirs is lost", plain, func() { n.cutFrom(0) }, []string{"one", "two"}, receives},
		{"finishing", plain, n.cut, []string{"one"}, func(c *client.Client) error { return c.Finish(context.Background()) }},
		{"finishing, all has come", plain, n.cut, nil, func(c *client.Client) error { return c.Finish(context.Background()) }},
		{"after sleep", plain, n.cut, nil, func(c *client.Client) error { c.Probe(); return receives(c) }},
	} {
		t.Run(test.what, func(t *testing.T) {
			n.mend()
			l := n.listen()
			listener, options := test.over(l)
			r := serve(listener, "key")
			defer r.stop()
			c := join(t, l.Addr().String(), "alice", append(options, client.WithConn(n.dial(l)), client.WithSilence(shortSilence))...)
			send(t, c, "before")
			eventually(t, "it has come", func() bool { return len(c.Unacknowledged()) == 0 })
			test.cut()
			var want []string
			for _, text := range test.texts {
				send(t, c, text)
				want = append(want, client.Split(text)...)
			}
			began := time.Now()
			closed, ok := errors.AsType[*client.ClosedError](test.end(c))
			if took := time.Since(began); !ok || !errors.Is(closed, client.ErrNoAnswer) || took > 2*testTimeout {
				t.Errorf("after %v it ended with %v", took, closed)
			}
			c.Close()
			if got := c.Unacknowledged(); !slices.Equal(got, want) {
				t.Errorf("unacknowledged are %.60q, want %.60q", got, want)
			}
		})
	}
}

// receives receives to the end.
func receives(c *client.Client) error {
	for _, err := range c.Receive(context.Background()) {
		if err != nil {
			return err
		}
	}
	return nil
}

// A client that has joined through a page notices it, too, and knows exactly what has
// not arrived.
func TestNetworkGoneFromPage(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	for what, end := range map[string]func(c *client.Client) error{
		"silence":     receives,
		"after sleep": func(c *client.Client) error { c.Probe(); return receives(c) },
		"finishing":   func(c *client.Client) error { return c.Finish(context.Background()) },
	} {
		t.Run(what, func(t *testing.T) {
			n.mend()
			l := n.listen()
			p := newPageOn(t, l)
			defer p.stop()
			c := join(t, p.URL, "alice", client.WithConn(n.dial(l)), client.WithSilence(shortSilence))
			catchUp(t, p, c)
			n.cut()
			send(t, c, "one")
			began := time.Now()
			closed, ok := errors.AsType[*client.ClosedError](end(c))
			if took := time.Since(began); !ok || !errors.Is(closed, client.ErrNoAnswer) || took > 2*testTimeout {
				t.Errorf("after %v it ended with %v", took, closed)
			}
			if got := c.Unacknowledged(); !slices.Equal(got, []string{"one"}) {
				t.Errorf("unacknowledged are %q", got)
			}
		})
	}
}

// A connection survives a short outage, and a Probe over a working network.
func TestNetworkBack(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	l := n.listen()
	r := serve(l, "key")
	defer r.stop()
	alice := join(t, l.Addr().String(), "alice", client.WithConn(n.dial(l)), client.WithSilence(shortSilence))
	bob := join(t, l.Addr().String(), "bob", client.WithConn(n.dial(l)))
	n.cut()
	send(t, alice, "hello")
	n.mend()
	expect(t, bob, "alice", "hello")
	alice.Probe()
	<-time.After(2 * shortSilence)
	send(t, bob, "hi")
	expect(t, alice, "bob", "hi")
	send(t, alice, "still here")
	expect(t, bob, "alice", "still here")
}
