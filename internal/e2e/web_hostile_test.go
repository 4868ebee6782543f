package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// visit connects to the page's port from the n'th address, and says something.
func (w *website) visit(n int, words string) net.Conn {
	w.t.Helper()
	dialer := from(n)
	dialer.Timeout = testTimeout
	conn, err := dialer.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", w.webPort))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	if _, err := io.WriteString(conn, words); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// isServed reports whether a request for the page, on a connection of its own,
// is answered.
func (w *website) isServed() bool {
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", w.webPort))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// openFrame begins a frame of a tebibyte, masked with zeros.
const openFrame = "\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// authFrame is the frame of an authentication message.
func authFrame(key string) string {
	m := message("web", key)
	return "\x82\xfe\x02\x00\x00\x00\x00\x00" + string(m[:])
}

// webNuisances are what an HTTP server and a WebSocket may be left with.
func webNuisances(w *website) {
	for _, words := range []string{
		"",
		"G",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nbody",
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbody",
		"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
		strings.Repeat("GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000),
		strings.TrimSuffix(upgrade, "\r\n"),
		strings.Replace(upgrade, "\r\n", "\r\nContent-Length: 1000000000\r\n", 1),
		upgrade,
		upgrade + openFrame,
		upgrade + openFrame + strings.Repeat("a", 32*wire.Size+1),
		upgrade + authFrame("guess"),
		upgrade + authFrame("guess") + openFrame + "a",
		upgrade + authFrame(key),
		upgrade + authFrame(key) + openFrame + "a",
		upgrade + authFrame(key) + openFrame + strings.Repeat("a", 32*wire.Size+1),
	} {
		w.visit(0, words)
	}
	// A frame in answer to the close frame.
	conn := w.visit(0, upgrade+authFrame("guess"))
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 2)); err != nil {
		w.t.Fatal(err)
	}
	io.WriteString(conn, openFrame)
}

// A server ends at once, whatever its page's port is left with.
func TestWebEndsAtOnce(t *testing.T) {
	t.Parallel()
	srv := startWeb(t, "--auth-timeout", "10m", "--max-clients", "0")
	for range 5 {
		webNuisances(srv)
	}
	srv.signal(syscall.SIGTERM)
	if status, took := srv.waitEnd(); status.ExitStatus() != 0 || took > 2*time.Second {
		t.Errorf("the server ended with %v, after %v", status, took)
	}
}

// Of WebSockets that the room has not let in or has ended, nothing stays.
func TestWebLeavesNothing(t *testing.T) {
	t.Parallel()
	srv := startWeb(t, "--auth-timeout", "1s", "--max-clients", "0")
	before := srv.sockets()
	for _, words := range []string{
		upgrade,
		upgrade + openFrame + strings.Repeat("a", 32*wire.Size+1),
		upgrade + authFrame("guess"),
		upgrade + authFrame("guess") + openFrame + strings.Repeat("a", 32*wire.Size+1),
		upgrade + authFrame(key) + openFrame + strings.Repeat("a", 32*wire.Size+1),
	} {
		for range 3 {
			srv.visit(0, words)
		}
	}
	eventually(t, "all of them to be gone", func() bool { return srv.sockets() == before })
	srv.expectAlive()
}

// One address can't keep others from the page, nor itself, by connections on
// which nothing is asked for, or half of something.
func TestWebIdleCrowd(t *testing.T) {
	t.Parallel()
	srv := startWeb(t)
	for _, words := range []string{"", "G"} {
		for i := range 1100 {
			srv.visit(0, words)
			if i%100 == 0 && !srv.isServed() {
				t.Fatalf("after %d connections the page is not served", i+1)
			}
		}
		if !srv.isServed() {
			t.Errorf("after connections with %q the page is not served", words)
		}
	}
	eventually(t, "one address to have a few hundred sockets", func() bool { return srv.sockets() <= 300 })
}

// On few descriptors, too, the page and clients that know the key are served.
func TestWebFewDescriptors(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	srv := setup{
		flags:   []string{"--web", fmt.Sprintf("127.0.0.1:%d", port), "--max-clients", "0"},
		wrapper: []string{"sh", "-c", `ulimit -n 128 && exec "$@"`, "sh"},
	}.start(t)
	w := &website{srv, port}
	eventually(t, "the page", w.isServed)
	for i := range 500 {
		w.visit(i%50, "")
	}
	if !w.isServed() {
		t.Error("the page is not served")
	}
	srv.expectAlive()
}
