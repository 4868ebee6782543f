//go:build linux

package secure

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/limit"
	"sop-chat/internal/server"
)

// TLS 1.2 and 1.3 are spoken, and nothing older.
func TestVersions(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := r.clientConfig()
		config.MinVersion, config.MaxVersion = version, version
		c, err := tls.Dial("tcp", r.addr, config)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err != nil {
			continue
		}
		m := &member{Conn: c, t: t, name: "alice"}
		m.send(chattest.Key)
		m.expect("alice: " + chattest.Key)
		c.Close()
	}
}

// With an authority for clients, those with one of its certificates are let in, and others
// hear that they need one.
func TestClientCertificates(t *testing.T) {
	clients, others := newAuthority(t), newAuthority(t)
	r := openRoom(t, server.Config{}, Config{ClientCAs: clients.pool})
	for _, test := range []struct {
		certificate *tls.Certificate
		want        string
	}{
		{clients.issue(t, "alice"), ""},
		{others.issue(t, "eve"), "unknown certificate authority"},
		{nil, "certificate required"},
	} {
		config := r.clientConfig()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if test.certificate == nil {
				return new(tls.Certificate), nil
			}
			return test.certificate, nil
		}
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(chattest.Patience))
		m := &member{Conn: tls.Client(c, config), t: t, name: "alice"}
		if test.want == "" {
			m.send(chattest.Key)
			m.expect("alice: " + chattest.Key)
			continue
		}
		if err = m.Handshake(); err == nil { // in TLS 1.3 it hears of it later
			_, err = m.Read(make([]byte, 1))
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("without a certificate that is trusted: %v, want %q", err, test.want)
		}
	}
}

// A handshake that takes too long is ended, and so is the oldest of the address that has
// most when there are too many. Others are not kept waiting.
func TestUnfinishedHandshakes(t *testing.T) {
	log := newLines()
	r := openRoom(t, server.Config{}, Config{MaxPending: 4, MaxPendingPerAddress: 2, HandshakeTimeout: chattest.Patience, Logger: log.logger})
	var silent []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte{22, 3, 1}) // the beginning of a record
		silent = append(silent, c)
	}
	r.join("alice")
	chattest.Eventually(t, "the bound holds", chattest.Patience, func() bool { return r.limiter.Count() <= 2 })
	silent[0].SetReadDeadline(time.Now().Add(chattest.Patience))
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the first is still open: %v", err)
	}
}

// However many handshakes there are, only some compute at the same time, and those that
// wait for the client are not among them.
func TestGate(t *testing.T) {
	var computing, most atomic.Int64
	var certificate *tls.Certificate
	r := openRoom(t, server.Config{}, Config{Configure: func(c *tls.Config) *tls.Config {
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			n := computing.Add(1)
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			time.Sleep(time.Millisecond) // it computes
			computing.Add(-1)
			return certificate, nil
		}
		return c
	}})
	certificate = r.ca.issue(t, "localhost")
	for range 20 { // which never go on
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte{22, 3, 1})
	}
	var all sync.WaitGroup
	for range 40 {
		c := r.dial()
		all.Go(func() {
			if err := c.Handshake(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > int64(cap(r.gate)) {
		t.Errorf("%d handshakes computed at the same time, want %d at most", n, cap(r.gate))
	}
}

// What does not complete its handshake in time is closed, and the log says so.
func TestHandshakeTimeout(t *testing.T) {
	log := newLines()
	p := open(t, Config{HandshakeTimeout: 50 * time.Millisecond, Logger: log.logger}, func(Client) {})
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(chattest.Patience))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("received %d bytes and %v, want the end", n, err)
	}
	log.expect(t, "not complete within 50ms")
}

// What is not TLS is closed, and the log says what it is.
func TestPlainBytes(t *testing.T) {
	for said, want := range map[string]string{
		"alice" + strings.Repeat("\x00", 507): "does not speak TLS",
		"GET / HTTP/1.1\r\n\r\n":              "does not speak TLS, but HTTP",
	} {
		log := newLines()
		p := open(t, Config{Logger: log.logger}, func(Client) { t.Error("a client came") })
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(chattest.Patience))
		io.WriteString(c, said)
		io.Copy(io.Discard, c)
		log.expect(t, want)
	}
}

// A request without TLS to the port for https is answered in words.
func TestPlainRequestToHTTPS(t *testing.T) {
	p := open(t, Config{}, func(Client) {})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := p.HTTPS(limit.New(limit.Config{}).Listener(inner))
	defer l.Close()
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(chattest.Patience))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 10_000)+"\r\n\r\n")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), " 400 ") || !strings.Contains(string(answer), "https://") {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// Closing a listener ends the handshakes that are under way, and nothing is left of them.
func TestCloseInHandshake(t *testing.T) {
	before := chattest.Sockets(t)
	p := open(t, Config{}, func(Client) {})
	var conns []net.Conn
	for range 10 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	chattest.Eventually(t, "all are accepted", chattest.Patience, func() bool { return p.limiter.Count() == len(conns) })
	p.stop()
	if n := chattest.Sockets(t); n > before+len(conns) {
		t.Errorf("%d sockets are left", n-before-len(conns))
	}
}

// Lines are what is logged.
type lines struct {
	logger *slog.Logger
	lines  chan string
}

func newLines() *lines {
	l := &lines{lines: make(chan string, 1000)}
	l.logger = slog.New(slog.NewTextHandler(l, nil))
	return l
}

func (l *lines) Write(b []byte) (int, error) {
	select {
	case l.lines <- string(b):
	default:
	}
	return len(b), nil
}

func (l *lines) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case line := <-l.lines:
		if !strings.Contains(line, want) {
			t.Errorf("logged %q, want %q", line, want)
		}
	case <-time.After(chattest.Patience):
		t.Errorf("%q was not logged", want)
	}
}
