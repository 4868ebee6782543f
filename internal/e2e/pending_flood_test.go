package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Connections that come a thousand times a second, from many addresses, and send
// a part of an authentication message keep no client out that authenticates right
// after it has connected.
func TestPendingFlood(t *testing.T) {
	for _, said := range []int{0, 1, 511} {
		t.Run(fmt.Sprintf("%d bytes", said), func(t *testing.T) {
			srv := start(t, "--max-clients", "0", "--auth-timeout", "10m")
			s := startPendingFlood(t, srv, 64, time.Millisecond, make([]byte, said))
			eventually(t, "there are many", func() bool { return s.connected.Load() > 500 })
			for i := range 20 {
				c := connect(t, srv)
				<-time.After(30 * time.Millisecond) // a round trip
				c.authenticate(fmt.Sprintf("member %d", i), key)
				c.Close()
			}
		})
	}
}

// With few descriptors and no limit on clients, silent connections stop neither
// a client with the key, nor the page, nor the history.
func TestPendingTakeNoDescriptors(t *testing.T) {
	const limit, silent = 256, 1500
	for _, addresses := range []int{1, 40} {
		t.Run(fmt.Sprintf("%d addresses", addresses), func(t *testing.T) {
			web := freePort(t)
			srv := setup{
				flags: []string{
					"--max-clients", "0", "--auth-timeout", "10m",
					"--history", t.TempDir() + "/chat.db", "--web", fmt.Sprintf("127.0.0.1:%d", web),
				},
				wrapper: []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit), "sh"},
			}.start(t)
			a := join(t, srv, "a")
			for i := range silent {
				connectBy(t, srv, from(i%addresses))
				if i%100 == 99 {
					b := join(t, srv, fmt.Sprint("b", i))
					a.expect(b.say("hello"))
					b.Close()
					fetch(t, fmt.Sprintf("http://127.0.0.1:%d/", web))
				}
			}
			if strings.Contains(srv.stderr.String(), "WARN") {
				t.Errorf("the server warns:\n%s", excerpt(srv.stderr.String()))
			}
		})
	}
}

// fetch checks that a page is served, over a new connection.
func fetch(t testing.TB, url string) {
	t.Helper()
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
}

// A pendingFlood is a flood of connections that never authenticate.
type pendingFlood struct{ connected atomic.Int64 }

// startPendingFlood connects at intervals until the test ends, from the given
// number of addresses in turn. Each connection sends some bytes and then nothing.
func startPendingFlood(t *testing.T, srv *server, addresses int, every time.Duration, said []byte) *pendingFlood {
	t.Helper()
	s := new(pendingFlood)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		var open []net.Conn
		defer func() {
			for _, c := range open {
				c.Close()
			}
		}()
		next := time.NewTicker(every)
		defer next.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-next.C:
			}
			c, err := tryConnect(srv, from(i%addresses))
			if err != nil {
				continue
			}
			c.TCPConn.Write(said)
			s.connected.Add(1)
			if open = append(open, c.TCPConn); len(open) > 4000 {
				open[0].Close()
				open = open[1:]
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		running.Wait()
	})
	return s
}

// A flood of wrong keys from one address, and a client that joins and leaves in a
// loop, cause only some kilobytes of console and log a second. The rest is
// counted.
func TestFloodOfLines(t *testing.T) {
	const window, perSecond = 10, 8 << 10
	for _, test := range []struct{ what, console, key, sum string }{
		{"wrong keys", "text", strings.Repeat("\x1b", 448), " from 127.0.0.1: refused, wrong key\n"},
		{"wrong keys", "json", strings.Repeat("\x1b", 448), `"reason":"refused, wrong key"`},
		{"joins", "text", key, " from 127.0.0.1: accepted\n"},
	} {
		t.Run(test.what+", "+test.console, func(t *testing.T) {
			srv := start(t, "--console", test.console)
			for i := range 2000 {
				c := connect(t, srv)
				if in, err := c.tryAuthenticate(strings.Repeat("\xff", 64), test.key); err != nil || in != (test.key == key) {
					t.Fatalf("client %d is let in: %v, %v", i, in, err)
				}
				c.Close()
			}
			srv.signal(syscall.SIGTERM)
			srv.expectEnd(0)
			if out := srv.stdout.String(); !strings.Contains(out, test.sum) {
				t.Errorf("the console has no count with %q:\n%s", test.sum, excerpt(out))
			}
			if n := len(srv.stdout.String()) + len(srv.stderr.String()); n > window*perSecond {
				t.Errorf("console and log are %d bytes", n)
			}
		})
	}
}
