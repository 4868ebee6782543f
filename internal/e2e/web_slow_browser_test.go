package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// A real browser behind a slow link stays joined during a flood, and shows the last
// message in the end.
func TestWebSlowBrowser(t *testing.T) {
	if os.Getenv("SOP_CHAT_E2E") != "full" {
		t.Skip("it takes half a minute; SOP_CHAT_E2E=full runs it")
	}
	const (
		pace  = 30_000 // bytes a second that reach the browser
		flood = 15 * time.Second
	)
	b := startBrowser(t)
	port, webPort := freePort(t), freePort(t)
	link := slowLink(t, webPort, pace)
	srv := startWebAt(t, port, webPort, "--max-clients", "0", "--backlog", "256KiB", "--console", "off")
	p := b.open(fmt.Sprintf("http://%s/#key=%s", link, key), desktop)
	p.join("alice")
	flooder, bob := join(t, srv.server, "flooder"), join(t, srv.server, "bob")
	beside(t, func() error { _, err := io.Copy(io.Discard, bob); return err })

	var lines []byte
	for i := range 20 {
		m := message("flooder", fmt.Sprint(i, strings.Repeat("~", 400)))
		lines = append(lines, m[:]...)
	}
	flooder.TCPConn.SetWriteDeadline(time.Now().Add(flood))
	sent := 0
	for {
		n, err := flooder.TCPConn.Write(lines)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flooder.SetLinger(0) // nothing of what the server has not read yet comes after this
	flooder.Close()
	bob.say("the last")
	began := time.Now()
	p.hears("bob", "the last")
	p.wait("it is still joined", `document.getElementById("status").textContent === "joined as alice"`)
	if p.count("#messages .note") > 0 {
		t.Errorf("the page says: %s", eval[string](p, `[...document.querySelectorAll("#messages .note")].map((n) => n.textContent).join("; ")`))
	}
	t.Logf("%d KB were sent in %v; the last message came after %v", sent/1000, flood, time.Since(began).Round(time.Second))
}

// slowLink forwards connections to a port, and limits what comes back from it to pace
// bytes a second. It returns its address.
func slowLink(t testing.TB, port, pace int) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			browser, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				browser.Close()
				continue
			}
			t.Cleanup(func() { browser.Close(); server.Close() })
			server.(*net.TCPConn).SetReadBuffer(pace / 4)
			browser.(*net.TCPConn).SetWriteBuffer(pace / 4)
			go func() {
				io.Copy(server, browser)
				server.Close()
			}()
			go func() {
				passSlowly(browser, server, pace)
				browser.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// passSlowly copies pace bytes a second until reading or writing fails.
func passSlowly(to io.Writer, from io.Reader, pace int) {
	const times = 20 // a second
	tick := time.NewTicker(time.Second / times)
	defer tick.Stop()
	for some := make([]byte, pace/times); ; <-tick.C {
		n, err := from.Read(some)
		if _, failed := to.Write(some[:n]); err != nil || failed != nil {
			return
		}
	}
}
