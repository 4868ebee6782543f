package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A load is on a server while another process or program takes its place: clients over TCP
// and pages, one of which talks all the time, while connections are in the middle of something.
type load struct {
	t     *testing.T
	file  string // the history
	pages *crowd
	ended *atomic.Int64 // visits of pages

	talk             *counting
	stop             chan struct{}
	talking, hearing task
	quick, slow      *listener
	alice, bob       *client // in the second room
}

// loaded returns what a server needs for a load on it, with a history, and a page at a port.
func loaded(file string, webPort int) (flags []string) {
	return []string{
		"--max-clients", "0", "--room", "side=" + sideKey, "--history", file, "--console", "json", "--auth-timeout", "10m",
		"--web", fmt.Sprintf("127.0.0.1:%d", webPort),
	}
}

// startLoad begins the talk, when a server of those flags serves its page.
func startLoad(t *testing.T, srv *server, file string, webPort, tabs int) *load {
	t.Helper()
	srv.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/", webPort))
	l := &load{t: t, file: file, ended: new(atomic.Int64), talk: new(counting), stop: make(chan struct{})}
	l.pages = &crowd{webPort: webPort, pause: func(int, int) time.Duration { l.ended.Add(1); return time.Second }}
	l.pages.isServed.Store(true)
	l.pages.enter(t, tabs, func(int) *tab { return &tab{crowd: l.pages, from: loopback} })
	speaker := join(t, srv, "speaker")
	l.quick, l.slow = &listener{client: join(t, srv, "quick")}, &listener{client: joinNotReading(t, srv, "slow")}
	l.slow.restoreBuffer()
	l.alice, l.bob = dial(t, srv, "alice", sideKey), dial(t, srv, "bob", sideKey)
	l.talk.last.Store(^uint64(0))
	l.talking = beside(t, func() error { return l.talk.run(speaker, l.stop) })
	l.hearing = beside(t, func() error { return l.quick.hear(l.talk.last.Load) })
	return l
}

// across has the place of a server be taken, which is the i-th time, and checks that
// connections go on that were in the middle of a message or of their key.
func (l *load) across(srv *server, i int, replace func()) {
	t := l.t
	t.Helper()
	said, auth := message("alice", fmt.Sprint("said meanwhile ", i)), message(fmt.Sprint("late ", i), sideKey)
	late := connect(t, srv)
	late.write(auth[:100])
	l.alice.write(said[:100])
	before := l.quick.heard.Load()
	eventually(t, "the talk goes on", func() bool { return l.quick.heard.Load() > before+50 })
	replace()
	l.alice.write(said[100:])
	l.bob.expect(said)
	late.write(auth[100:])
	if in, err := late.gotEcho(auth); err != nil || !in {
		t.Fatalf("a connection that had given half of its key was not let in: %v", err)
	}
	late.Close()
	upTo := l.talk.sent.Load()
	if err := l.slow.hear(func() uint64 { return upTo }); err != nil {
		t.Fatal(err)
	}
}

// end ends the talk, and checks that everybody has received all of it, without having been
// disconnected.
func (l *load) end() {
	t := l.t
	t.Helper()
	close(l.stop)
	wait(l.talking, l.hearing)
	if err := l.slow.hear(l.talk.last.Load); err != nil {
		t.Error(err)
	}
	l.pages.said.Store(l.talk.last.Load())
	l.pages.waitHave(t)
	if n := l.ended.Load(); n > 0 {
		t.Errorf("pages were disconnected %d times", n)
	}
}

// expectKept checks that the console has printed all of the talk, and the history has it, when
// the server has ended.
func (l *load) expectKept(printed []string) {
	t := l.t
	t.Helper()
	expectCounted(t, "the console", printedTexts(t, printed), l.talk.last.Load())
	var kept []string
	for _, m := range readHistory(t, l.file, 0) {
		if m.Room == "main" {
			if kept = append(kept, string(m.Wire.Text())); m.Number != int64(len(kept)) {
				t.Fatalf("message %d of the history has the number %d", len(kept), m.Number)
			}
		}
	}
	expectCounted(t, "the history", kept, l.talk.last.Load())
	checkHistory(t, l.file)
}

// A securedSetup is a server with ports for clients over TLS.
type securedSetup struct {
	setup
	tlsPort, webPort int
	trusting         *tls.Config
}

// secured returns one with a certificate of its own.
func secured(t testing.TB) securedSetup {
	t.Helper()
	certFile, keyFile, trusting := certificateFiles(t)
	s := securedSetup{tlsPort: freePort(t), webPort: freePort(t), trusting: trusting}
	s.flags = []string{
		"--tls", fmt.Sprintf("127.0.0.1:%d", s.tlsPort), "--web", fmt.Sprintf("127.0.0.1:%d", s.webPort),
		"--tls-cert", certFile, "--tls-key", keyFile,
	}
	return s
}

// waitServed waits until a server serves its page over TLS.
func (s *securedSetup) waitServed(t testing.TB, srv *server) {
	t.Helper()
	srv.stderr.waitForLine(t, fmt.Sprintf("https://127.0.0.1:%d/", s.webPort))
}

// A securedClient is in the room twice: over TLS, and with a WebSocket over https.
type securedClient struct {
	t   testing.TB
	ctx context.Context
	tls net.Conn
	web *websocket.Conn
}

// join joins both ways.
func (s *securedSetup) join(t testing.TB, name string) *securedClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	c := &securedClient{t: t, ctx: ctx}
	var err error
	if c.tls, err = (&tls.Dialer{Config: s.trusting}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.tlsPort)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.tls.Close() })
	c.tls.SetDeadline(time.Now().Add(testTimeout))
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: s.trusting}}
	t.Cleanup(browser.CloseIdleConnections)
	c.web, _, err = websocket.Dial(ctx, fmt.Sprintf("wss://127.0.0.1:%d/ws", s.webPort), &websocket.DialOptions{HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.web.CloseNow() })
	auth := message(name, key)
	c.tls.Write(auth[:])
	c.expect(auth)
	c.web.Write(ctx, websocket.MessageBinary, auth[:])
	if _, got, err := c.web.Read(ctx); err != nil || !bytes.Equal(got, auth[:]) {
		t.Fatalf("over https: %v", err)
	}
	return c
}

// expect expects a message over TLS.
func (c *securedClient) expect(m wire.Message) {
	c.t.Helper()
	var got wire.Message
	if _, err := io.ReadFull(c.tls, got[:]); err != nil || got != m {
		c.t.Fatalf("over TLS came %q: %v", got.Text(), err)
	}
}

// expectRestart expects to be told both ways that the server is about to be back.
func (c *securedClient) expectRestart() task {
	return beside(c.t, func() error {
		if rest, err := io.ReadAll(c.tls); err != nil || len(rest) > 0 { // an end without that of TLS is an error
			return fmt.Errorf("over TLS came %d bytes, and %w", len(rest), err)
		}
		if _, _, err := c.web.Read(c.ctx); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			return fmt.Errorf("over https: %w, want the code %d", err, websocket.StatusServiceRestart)
		}
		return nil
	})
}
