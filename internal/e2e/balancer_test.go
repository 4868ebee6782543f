package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// With the file for HAProxy in deploy/cluster, in which the names are those of containers, clients
// and pages come to any server with their own addresses. One that drains gets no new ones, and
// keeps those that it has; one that has ended gets none.
func TestClusterBalancer(t *testing.T) {
	t.Parallel()
	front, page := newFrontProgram(t), freePort(t)
	port, web, metrics := freePort(t), freePort(t), freePort(t)
	hosts := []string{"127.0.77.1", "127.0.77.2"}
	file := deployed(t, "cluster/haproxy.cfg",
		"inter 2s", "inter 200ms", "timeout connect 5s", "timeout connect 5s\n\ttimeout check 30s", "maxconn 20000", "maxconn 1000",
		"bind :9000", fmt.Sprintf("bind :%d", front.port), "bind :8080", fmt.Sprintf("bind :%d", page),
		"port 9464", fmt.Sprintf("port %d", metrics), ":9000 ", fmt.Sprintf(":%d ", port), ":8080\n", fmt.Sprintf(":%d\n", web),
		"chat-a:", hosts[0]+":", "chat-b:", hosts[1]+":")
	third := regexp.MustCompile(`\tserver chat-c chat-c:.*\n`)
	if n := len(third.FindAllString(file, -1)); n != 2 {
		t.Fatalf("there are %d lines for the third server, and not one for TCP and one for the page", n)
	}
	var servers []*server
	var sockets []string
	for _, host := range hosts {
		socket := socketPath(t)
		srv := setup{port: port, flags: []string{
			"--max-clients", "0", "--bind", host, "--web", fmt.Sprintf("%s:%d", host, web), "--metrics", fmt.Sprintf("%s:%d", host, metrics),
			"--trusted-proxy", "127.0.0.1", "--web-origin", fmt.Sprintf("http://127.0.0.1:%d", page), "--admin", socket,
		}}.launch(t)
		srv.stderr.waitForLine(t, fmt.Sprint(port))
		servers, sockets = append(servers, srv), append(sockets, socket)
	}
	front.run("haproxy", "-db", "-f", front.write("haproxy.cfg", third.ReplaceAllString(file, "")))
	balanced := &server{port: front.port}

	// isAt reports whether a client that was let in is at a server, which knows its address.
	isAt := func(n int, name, address string) bool {
		for line := range strings.Lines(operate(t, sockets[n], 0, "who").stdout) {
			if strings.Contains(line, " "+name+" ") {
				if !strings.Contains(line, " "+address) {
					t.Fatalf("in place of the address %s: %s", address, line)
				}
				return true
			}
		}
		return false
	}
	// settle has clients join until some in a row are at a server, and stay. If the other got any,
	// three would not be there: each goes to where fewer are.
	settle := func(n, some int, kind string, join func(name string) (c io.Closer, address string, in bool)) {
		var row []io.Closer
		all := 0
		eventually(t, "all come to one server", func() bool {
			all++
			name := fmt.Sprintf("%s-%d", kind, all)
			c, address, in := join(name)
			if row = append(row, c); !in || !isAt(n, name, address) {
				for _, c := range row {
					c.Close()
				}
				row = nil
			}
			return len(row) == some
		})
	}
	var last *client
	byTCP := func(name string) (c io.Closer, address string, in bool) {
		last = connect(t, balanced)
		in, err := last.tryAuthenticate(name, key)
		return last, last.LocalAddr().String(), in && err == nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	byPage := func(name string) (c io.Closer, address string, in bool) {
		tab, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d/ws", page), &websocket.DialOptions{HTTPHeader: http.Header{
			"Origin": {fmt.Sprintf("http://127.0.0.1:%d", page)}, "X-Forwarded-For": {"192.0.2.9"}, // which is not true
		}})
		if err != nil {
			return io.NopCloser(nil), "", false
		}
		t.Cleanup(func() { tab.CloseNow() })
		auth := message(name, key)
		if tab.Write(ctx, websocket.MessageBinary, auth[:]) == nil {
			_, _, err = tab.Read(ctx)
		}
		return closer(tab.CloseNow), "127.0.0.1:", err == nil
	}

	alice := join(t, balanced, "alice")
	has := 0
	if !isAt(has, "alice", alice.LocalAddr().String()) {
		has = 1
	}
	operate(t, sockets[has], 0, "drain")
	settle(1-has, 3, "bob", byTCP)
	settle(1-has, 3, "tab", byPage)
	operate(t, sockets[has], 0, "say", "still here")
	alice.expect(message("server", "still here"))

	operate(t, sockets[has], 0, "drain", "--off")
	settle(has, 1, "carol", byTCP)
	servers[1-has].signal(syscall.SIGKILL)
	<-servers[1-has].done
	for i := range 6 { // some of whom are sent to the one that is gone
		if _, _, in := byTCP(fmt.Sprint("dave-", i)); !in {
			t.Fatal("a client is not let in after one of the servers was killed")
		}
	}
	alice.expect(last.say("hello, alice"))
}

// A closer is a function that closes something.
type closer func() error

// Close calls it.
func (c closer) Close() error { return c() }
