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

// A stalledServer is one that lets one client in and then reads nothing, with a
// kernel that takes little.
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

// reset ends the connection and returns how many messages had come, and are
// lost with it.
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

// What the other system has not taken when the connection breaks is not shown as
// sent, and is sent again: in order, once, and of a text in several messages only
// those that are missing.
func TestSessionSendsAgain(t *testing.T) {
	first, second := newStalled(t), startServer(t)
	bob := second.Join(t, "bob")
	s := startSession(t, dial(t, dialer(first.Addr().String(), "alice")), dialer(second.Addr.String(), "alice"))
	s.expect(joined{})
	var texts, messages []string
	for i := range mostUnsent {
		text := fmt.Sprint(i, " ", strings.Repeat("long ", 3000))
		if !s.post(text) {
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
	s.post("last")
	bob.Expect("alice", "last")
}

// Leaving says what could not be sent, with and without a connection.
func TestSessionLeavesUnsent(t *testing.T) {
	srv := newStalled(t)
	s := startSession(t, dial(t, dialer(srv.Addr().String(), "alice")), func(context.Context) (*client.Client, error) {
		return nil, errors.New("refused")
	})
	s.expect(joined{})
	var want []string
	for i := range mostUnsent {
		text := fmt.Sprint(i, " ", strings.Repeat("long ", 3000))
		s.post(text)
		want = append(want, client.Split(text)...)
	}
	conn := <-srv.joined
	defer conn.Close()
	for s.next() != (delayed{}) {
	}
	unsent, ok := errors.AsType[*UnsentError](s.leave(patience))
	if !ok || !strings.HasSuffix(strings.Join(want, ""), strings.Join(unsent.Texts, "")) {
		t.Fatalf("leaving: %v", unsent)
	}

	s = startSession(t, dial(t, dialer(startServer(t).Addr.String(), "alice")), nil)
	s.expect(joined{})
	s.post("arrives")
	if err := s.leave(patience); err != nil {
		t.Errorf("leaving: %v", err)
	}
}

// Lines that did not arrive are named in the end.
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
	deadline := time.Now().Add(patience)
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

// A machine that has slept is noticed, one that is only busy is not.
func TestWatchSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(nil)
		defer s.cancel()
		begun := time.Now()
		var asleep atomic.Int64
		go s.watchSleep(func() time.Duration { return time.Duration(asleep.Load()) })
		<-time.After(time.Hour + time.Millisecond)
		select {
		case <-s.woken:
			t.Error("it has not slept")
		default:
		}
		asleep.Store(int64(time.Hour))
		<-s.woken
		if took := time.Since(begun) - time.Hour; took > 3*time.Second {
			t.Errorf("noticed after %v", took)
		}
	})
}

// After sleep nobody waits any longer to join again, and pauses begin anew.
func TestRejoinAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		s := newSession(func(context.Context) (*client.Client, error) {
			attempts.Add(1)
			return nil, errors.New("no network")
		})
		done := make(chan struct{})
		go func() { s.rejoin(); close(done) }()
		<-time.After(5 * time.Minute)
		synctest.Wait()
		before := attempts.Load()
		notify(s.woken)
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
	notify(s.woken)
	deadline := time.After(patience)
	for idle := 0; idle != 1; {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("the connection is probed after %d s", idle)
		}
		raw.Control(func(fd uintptr) { idle, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE) })
	}
}
