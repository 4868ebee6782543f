//go:build linux

package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

// A stalledServer admits one client and then reads nothing. Its receive buffer is
// small.
type stalledServer struct {
	net.Listener
	joined chan *net.TCPConn
}

func newStalled(t testing.TB) *stalledServer {
	t.Helper()
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10) })
	}}
	l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &stalledServer{l, make(chan *net.TCPConn, 1)}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var m wire.Message
		io.ReadFull(conn, m[:])
		conn.Write(m[:])
		s.joined <- conn.(*net.TCPConn)
	}()
	return s
}

// reset resets a connection and returns how many received messages are lost with
// it.
func reset(t testing.TB, conn *net.TCPConn) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	come := 0
	raw.Control(func(fd uintptr) { come, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if err != nil {
		t.Fatal(err)
	}
	conn.SetLinger(0)
	conn.Close()
	return come / wire.Size
}

// Messages that were not acknowledged when the connection breaks are not shown as
// sent. They are sent again, once and in order. Of a text of several messages only
// the missing ones are.
func TestSessionSendsAgain(t *testing.T) {
	first, second := newStalled(t), startServer(t)
	bob := second.Join(t, "bob")
	s := startSession(t, dial(t, dialer(first.Addr().String(), "alice")), dialer(second.Addr.String(), "alice"))
	s.expect(joined{})
	var texts, messages []string
	for i := range maxUnsent {
		text := fmt.Sprint(i, " ", strings.Repeat("long ", 3000))
		if !s.enqueue(text) {
			t.Fatal("there is no room")
		}
		texts, messages = append(texts, text), append(messages, client.Split(text)...)
	}
	shown := 0
	for e := s.next(); e != (delayed{}); e = s.next() {
		shown += e.(sent).texts
	}
	come := reset(t, <-first.joined)
	whole := 0
	for n := 0; n+len(client.Split(texts[whole])) <= come; whole++ {
		n += len(client.Split(texts[whole]))
	}
	if come == 0 || shown != whole {
		t.Fatalf("%d messages came, of %d whole texts, and %d are shown as sent", come, whole, shown)
	}
	for i, m := range messages[come:] {
		if got := bob.Receive(); string(got.Text()) != m {
			t.Fatalf("message %d is %.20q, want %.20q", i, got.Text(), m)
		}
	}
	s.enqueue("last")
	bob.Expect("alice", "last")
}

// Leaving reports texts that could not be sent, with and without a connection.
func TestSessionLeavesUnsent(t *testing.T) {
	srv := newStalled(t)
	s := startSession(t, dial(t, dialer(srv.Addr().String(), "alice")), func(context.Context, ...client.Option) (*client.Client, error) {
		return nil, errors.New("refused")
	})
	s.expect(joined{})
	var want []string
	for i := range maxUnsent {
		text := fmt.Sprint(i, " ", strings.Repeat("long ", 3000))
		s.enqueue(text)
		want = append(want, client.Split(text)...)
	}
	conn := <-srv.joined
	defer conn.Close()
	for s.next() != (delayed{}) {
	}
	unsent, ok := errors.AsType[*UnsentError](s.leave(testTimeout))
	if !ok || !strings.HasSuffix(strings.Join(want, ""), strings.Join(unsent.Texts, "")) {
		t.Fatalf("leaving: %v", unsent)
	}

	s = startSession(t, dial(t, dialer(startServer(t).Addr.String(), "alice")), nil)
	s.expect(joined{})
	s.enqueue("arrives")
	if err := s.leave(testTimeout); err != nil {
		t.Errorf("leaving: %v", err)
	}
}

// The error in the end quotes lines that did not arrive.
func TestPlainUnsent(t *testing.T) {
	srv := newStalled(t)
	in, input := io.Pipe()
	end := make(chan error, 1)
	c := dial(t, dialer(srv.Addr().String(), "alice"))
	go func() { end <- Plain(t.Context(), c, PlainOptions{In: in, Out: io.Discard}) }()
	conn := <-srv.joined
	go func() {
		for {
			if _, err := io.WriteString(input, "a line\n"); err != nil {
				return
			}
		}
	}()
	raw, _ := conn.SyscallConn()
	deadline := time.Now().Add(testTimeout)
	for come, before := 0, -1; come != before || come == 0; {
		if time.Now().After(deadline) {
			t.Fatal("more and more is taken")
		}
		before = come
		<-time.After(100 * time.Millisecond)
		raw.Control(func(fd uintptr) { come, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	}
	reset(t, conn)
	unsent, ok := errors.AsType[*UnsentError](<-end)
	if !ok || unsent.Err == nil || unsent.Texts[0] != "a line" || !strings.Contains(unsent.Error(), "messages not sent: \"a line\", ") {
		t.Errorf("it ended with %v", unsent)
	}
	in.Close()
}

func TestUnsentError(t *testing.T) {
	for _, test := range []struct {
		err  UnsentError
		want string
	}{
		{UnsentError{Texts: []string{"one"}}, `1 message not sent: "one"`},
		{UnsentError{Texts: []string{"one", "two\x1b[2J"}, Err: errors.New("it broke")}, `it broke; 2 messages not sent: "one", "two\x1b[2J"`},
		{UnsentError{Texts: []string{"1", "2", "3", "4", "5"}}, `5 messages not sent: "1", "2", "3" and 2 more`},
		{UnsentError{Texts: []string{strings.Repeat("long ", 100)}}, `1 message not sent: "` + strings.Repeat("long ", 11) + `long…"`},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// Sleep of the machine is noticed; being busy does not count as sleep.
func TestWatchSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(nil)
		defer s.cancel()
		begun := time.Now()
		var asleep atomic.Int64
		go s.watchSleep(func() time.Duration { return time.Duration(asleep.Load()) })
		<-time.After(time.Hour + time.Millisecond)
		select {
		case <-s.resumed:
			t.Error("it has not slept")
		default:
		}
		asleep.Store(int64(time.Hour))
		<-s.resumed
		if took := time.Since(begun) - time.Hour; took > 3*time.Second {
			t.Errorf("noticed after %v", took)
		}
	})
}

// After sleep a session joins again at once, and pauses begin anew.
func TestRejoinAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		s := newSession(func(context.Context, ...client.Option) (*client.Client, error) {
			attempts.Add(1)
			return nil, errors.New("no network")
		})
		done := make(chan struct{})
		go func() { s.join(true); close(done) }()
		<-time.After(5 * time.Minute)
		synctest.Wait()
		before := attempts.Load()
		notify(s.resumed)
		synctest.Wait()
		if n := attempts.Load() - before; n != 1 {
			t.Errorf("%d attempts at once", n)
		}
		<-time.After(8 * time.Second)
		if n := attempts.Load() - before; n < 4 {
			t.Errorf("%d attempts in 8 s", n)
		}
		s.cancel()
		<-done
	})
}

// After sleep the connection is probed.
func TestProbeAfterSleep(t *testing.T) {
	conn, err := net.Dial("tcp", newStalled(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), "", "alice", "key", client.WithConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	s := startSession(t, c, nil)
	s.expect(joined{})
	notify(s.resumed)
	deadline := time.After(testTimeout)
	for idle := 0; idle != 1; {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("the connection is probed after %d s", idle)
		}
		raw.Control(func(fd uintptr) { idle, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE) })
	}
}
