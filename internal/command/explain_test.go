//go:build unix

package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

// Errors of the network say which server, what happened and what to do, and have no
// addresses of sockets.
func TestExplain(t *testing.T) {
	o := joinOptions{roomOptions: roomOptions{hostPort: hostPort{"chat.example.org", 9000}}}
	from, to := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 38058}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9000}
	op := func(name string, err error) error {
		return &net.OpError{Op: name, Net: "tcp", Source: from, Addr: to, Err: err}
	}
	const closing = "; join again, or use --stay, which does so by itself"
	for _, test := range []struct {
		err  error
		want string
	}{
		{&client.ClosedError{Err: op("read", os.NewSyscallError("read", syscall.ENETDOWN))}, "chat.example.org:9000: the connection broke: network is down" + closing},
		{&client.ClosedError{Err: op("read", os.NewSyscallError("read", syscall.ECONNRESET))}, "chat.example.org:9000: the server broke off the connection" + closing},
		{&client.ClosedError{Err: op("write", os.NewSyscallError("write", syscall.EPIPE))}, "chat.example.org:9000: the server broke off the connection" + closing},
		{&client.ClosedError{Err: io.EOF}, "chat.example.org:9000: the server closed the connection" + closing},
		{&client.RefusedError{Addr: "http://chat.example.org"}, "http://chat.example.org did not let us in: the key is wrong, the room is full, or the name is taken"},
		{
			&client.RefusedError{Addr: "http://chat.example.org", Reason: client.NameTaken},
			"http://chat.example.org did not let us in: somebody with this name, or one that looks like it, is in the room; --name gives you another",
		},
		{op("dial", os.NewSyscallError("connect", syscall.ENETUNREACH)), "chat.example.org:9000 can't be reached: network is unreachable; is the address right, and the network up?"},
		{op("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)), "nobody listens at chat.example.org:9000; is the server running, and the port right?"},
		{op("dial", &net.DNSError{Err: "no such host", IsNotFound: true}), `"chat.example.org" can't be looked up: no such host`},
		{op("dial", &net.DNSError{Err: "read udp 127.0.0.1:1->127.0.0.53:53: read: connection refused"}), `"chat.example.org" can't be looked up: asking the name server fails; is the network up?`},
		{op("dial", &net.DNSError{Err: "read udp 127.0.0.1:1->127.0.0.53:53: i/o timeout", IsTimeout: true}), `"chat.example.org" can't be looked up: the name server does not answer; is the network up?`},
		{fmt.Errorf("TLS with chat.example.org:9000: %w", op("read", os.NewSyscallError("read", syscall.ECONNRESET))), "chat.example.org:9000 broke off the connection while joining: connection reset by peer; try again"},
		{fmt.Errorf("TLS with chat.example.org:9000: %w", tls.RecordHeaderError{Msg: "no TLS"}), "chat.example.org:9000 does not use TLS; leave out --tls"},
		{errors.New("anything else"), "anything else"},
	} {
		if got := o.explain(test.err); got.Error() != test.want {
			t.Errorf("%v: got\n%v\nwant\n%s", test.err, got, test.want)
		}
		if got := o.explain(o.explain(test.err)); strings.Contains(got.Error(), "38058") {
			t.Errorf("%v: got %v", test.err, got)
		}
	}
}

// A connection that is reset ends join with words.
func TestJoinReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		var first wire.Message
		io.ReadFull(conn, first[:])
		conn.Write(first[:])
		io.ReadFull(conn, first[:]) // a message: the client has joined
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}()
	address := listener.Addr().String()
	p := process([]string{"join", address}, "SOP_CHAT_KEY=key")
	in, input := io.Pipe()
	defer input.Close()
	p.Stdin = in
	go io.WriteString(input, "hello\n")
	status, _, stderr := result(t, p)
	if status != 1 || !strings.HasPrefix(stderr, "sop-chat: "+address+": the server ") || strings.Contains(stderr, "->") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
