package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

// start runs a room until the test ends.
func start(t testing.TB) *room {
	t.Helper()
	r := newRoom("key")
	t.Cleanup(r.stop)
	return r
}

// within returns a context with the test's timeout.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func join(t testing.TB, addr, name string, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(within(t), addr, name, "key", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t testing.TB, c *client.Client, text string) {
	t.Helper()
	if err := c.Send(within(t), text); err != nil {
		t.Fatal(err)
	}
}

// expect takes the next message.
func expect(t testing.TB, c *client.Client, name, text string) {
	t.Helper()
	for m, err := range c.Receive(within(t)) {
		if want := (client.Message{Name: name, Text: text}); err != nil || m != want {
			t.Fatalf("received %+v, %v; want %+v", m, err, want)
		}
		return
	}
	t.Fatal("the connection has ended")
}

// endOf receives to the end and returns how it ended.
func endOf(t testing.TB, c *client.Client) error {
	t.Helper()
	for _, err := range c.Receive(within(t)) {
		if err != nil {
			return err
		}
	}
	return nil
}

// A member receives what others send, and not what it sends itself.
func TestConversation(t *testing.T) {
	r := start(t)
	a, b := join(t, r.addr(), " alice "), join(t, r.addr(), "bob")
	if a.Name() != "alice" {
		t.Errorf("the name is %q", a.Name())
	}
	for _, text := range []string{"hello", "", "żółw\nand more", "\xff"} {
		send(t, a, text)
		expect(t, b, "alice", text)
	}
	send(t, b, "hi")
	expect(t, a, "bob", "hi")
}

// A long text arrives in parts.
func TestSendSplits(t *testing.T) {
	r := start(t)
	a, b := join(t, r.addr(), "alice"), join(t, r.addr(), "bob")
	text := strings.Repeat("łódź ", 300)
	send(t, a, text)
	for _, part := range client.Split(text) {
		expect(t, b, "alice", part)
	}
}

// Send refuses texts that can't be sent, and sends nothing.
func TestSendRefuses(t *testing.T) {
	r := start(t)
	a, b := join(t, r.addr(), "alice", client.Strict()), join(t, r.addr(), "bob")
	long, isLong := errors.AsType[*client.TextTooLongError](a.Send(within(t), strings.Repeat("t", 449)))
	if !isLong || long.Length != 449 || long.Error() != "the text is 449 bytes long; at most 448 fit" {
		t.Errorf("a long text: %v", long)
	}
	zero, isZero := errors.AsType[*client.ZeroByteError](a.Send(within(t), "a\x00b"))
	if !isZero || zero.Field != "text" || zero.Position != 1 {
		t.Errorf("a zero byte: %v", zero)
	}
	send(t, a, strings.Repeat("t", 448))
	expect(t, b, "alice", strings.Repeat("t", 448))
}

// Names and keys that do not fit never reach the server.
func TestDialRefuses(t *testing.T) {
	for _, test := range []struct {
		name, key string
		want      string
	}{
		{strings.Repeat("n", 65), "key", "the name is 65 bytes long; at most 64 fit"},
		{"n\x00", "key", "the name has a zero byte at position 1, which would end it there"},
		{"alice", strings.Repeat("k", 449), "the key is 449 bytes long; at most 448 fit"},
		{"alice", "\x00", "the key has a zero byte at position 0, which would end it there"},
	} {
		here, there := net.Pipe()
		_, err := client.Dial(within(t), "", test.name, test.key, client.WithConn(here))
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v\nwant %s", err, test.want)
		}
		if _, err := there.Write([]byte{0}); err == nil {
			t.Error("the connection was not closed")
		}
	}
	_, err := client.Dial(within(t), "", strings.Repeat("n", 65), "")
	if e, ok := errors.AsType[*client.NameTooLongError](err); !ok || e.Length != 65 {
		t.Errorf("got %v", err)
	}
}

// A close instead of the echo has two possible reasons, and the error has both.
func TestDialRefused(t *testing.T) {
	r := start(t)
	_, err := client.Dial(within(t), r.addr(), "alice", "guess")
	refused, ok := errors.AsType[*client.RefusedError](err)
	if !ok || refused.Addr != r.addr() || !strings.Contains(err.Error(), "the key is wrong, the room is full, or the name is taken") {
		t.Errorf("got %v", err)
	}
}

// A server that answers something else is not a sop-chat server.
func TestDialStranger(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", strings.Repeat("x", wire.Size)} {
		here, there := net.Pipe()
		go func() {
			there.Read(make([]byte, wire.Size))
			there.Write([]byte(answer))
			there.Close()
		}()
		_, err := client.Dial(within(t), "example.org:80", "alice", "key", client.WithConn(here))
		if _, ok := errors.AsType[*client.NotAChatError](err); !ok || !strings.Contains(err.Error(), "example.org:80") {
			t.Errorf("got %v", err)
		}
	}
}

func TestDialNobodyListens(t *testing.T) {
	r := newRoom("key")
	r.stop()
	if _, err := client.Dial(within(t), r.addr(), "alice", "key"); err == nil {
		t.Error("there was nobody")
	}
}

// The errors after the server has closed the connection and after Close differ.
func TestEnds(t *testing.T) {
	r := newRoom("key")
	a, b := join(t, r.addr(), "alice"), join(t, r.addr(), "bob")
	a.Close()
	if err := endOf(t, a); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := a.Send(within(t), "hello"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := a.Finish(within(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	r.stop()
	for range 2 { // the error remains
		if closed, ok := errors.AsType[*client.ClosedError](endOf(t, b)); !ok || closed.Error() != "the server closed the connection" {
			t.Errorf("after the server's end: %v", closed)
		}
	}
}

// Finish returns when the server has taken everything, whether or not a Receive is
// under way.
func TestFinish(t *testing.T) {
	for _, receives := range []bool{false, true} {
		t.Run(fmt.Sprintf("receives %v", receives), func(t *testing.T) {
			r := start(t)
			a, b := join(t, r.addr(), "alice"), join(t, r.addr(), "bob")
			var receiver sync.WaitGroup
			if receives {
				receiver.Go(func() {
					if err := endOf(t, a); err != nil {
						t.Errorf("the receiver ends with %v", err)
					}
				})
			}
			var got []string
			receiver.Go(func() {
				for m, err := range b.Receive(within(t)) {
					if err != nil || len(got) == 1000 {
						break
					}
					got = append(got, m.Text)
					if len(got) == 1000 {
						break
					}
				}
			})
			for i := range 1000 {
				send(t, b, "unread")
				send(t, a, fmt.Sprint(i))
			}
			if err := a.Finish(within(t)); err != nil {
				t.Errorf("Finish: %v", err)
			}
			receiver.Wait()
			if len(got) != 1000 || got[999] != "999" {
				t.Errorf("%d messages arrived", len(got))
			}
			if err := a.Send(within(t), "more"); err == nil {
				t.Error("something could be sent after Finish")
			}
		})
	}
}

// Calls end as soon as ctx is done. All of them can be repeated, except for a Send
// that may have cut a message.
func TestContexts(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	reason := errors.New("enough")
	soon := func() context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		go cancel(reason)
		return ctx
	}
	if _, err := client.Dial(soon(), silent.Addr().String(), "alice", "key"); !errors.Is(err, reason) {
		t.Errorf("Dial: %v", err)
	}

	r := start(t)
	a, b := join(t, r.addr(), "alice"), join(t, r.addr(), "bob")
	for range 3 {
		for _, err := range a.Receive(soon()) {
			if !errors.Is(err, reason) {
				t.Errorf("Receive: %v", err)
			}
		}
	}
	done, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	if err := a.Send(done, "hello"); !errors.Is(err, reason) {
		t.Errorf("Send: %v", err)
	}
	if err := a.Finish(done); !errors.Is(err, reason) {
		t.Errorf("Finish: %v", err)
	}
	a = join(t, r.addr(), "alice")
	send(t, b, "hello")
	expect(t, a, "bob", "hello")
	send(t, a, "hi")
	expect(t, b, "alice", "hi")
}

// A Send that blocks ends with ctx. Nothing can be sent after it, because a part of
// a message may have been.
func TestSendInterrupted(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		b := make([]byte, wire.Size)
		there.Read(b)
		there.Write(b)
		there.Read(b[:100]) // of the text; so Send is under way
		cancel(reason)
	}()
	c, err := client.Dial(within(t), "", "alice", "key", client.WithConn(here))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if err := c.Send(ctx, "hello"); !errors.Is(err, reason) {
			t.Errorf("Send: %v", err)
		}
		ctx = within(t)
	}
}

// Finish ends with ctx, and reports that messages may be lost.
func TestFinishInterrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // admits every client, and never closes a connection
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			b := make([]byte, wire.Size)
			n, _ := conn.Read(b)
			conn.Write(b[:n])
		}
	}()
	for _, receives := range []bool{false, true} {
		c := join(t, l.Addr().String(), "alice")
		var receiver sync.WaitGroup
		if receives {
			receiver.Go(func() { endOf(t, c) })
		}
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		go cancel(reason)
		if err := c.Finish(ctx); !errors.Is(err, reason) {
			t.Errorf("Finish: %v", err)
		}
		receiver.Wait()
	}
}

// canceledSoon returns a context that another goroutine cancels.
func canceledSoon(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(within(t))
	go cancel()
	return ctx
}
