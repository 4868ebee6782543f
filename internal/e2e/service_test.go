package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A manager is what systemd is to a service: it is told how the service is.
type manager struct {
	t    testing.TB
	conn *net.UnixConn
	path string
}

func newManager(t testing.TB) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// environment returns what a service of the manager has in its environment.
func (m *manager) environment(more ...string) []string {
	return append(more, "NOTIFY_SOCKET="+m.path)
}

// expect waits for a message with an assignment, which begins with some text. Others that
// came before are left out, except those that must not come before.
func (m *manager) expect(begins string, never ...string) (message []string) {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(testTimeout))
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("waiting for %q: %v", begins, err)
		}
		message = strings.Split(string(b[:n]), "\n")
		has := func(text string) bool {
			return slices.ContainsFunc(message, func(line string) bool { return strings.HasPrefix(line, text) })
		}
		if has(begins) {
			return message
		}
		if slices.ContainsFunc(never, has) {
			m.t.Fatalf("waiting for %q: %q came first", begins, message)
		}
	}
}

// systemd is told that the server is ready when clients can join, how it is, that it is
// alive, when it reloads, and that it ends. A SIGHUP is answered, whatever there is to read.
func TestService(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	srv := setup{env: m.environment("WATCHDOG_USEC=200000"), flags: []string{"--history", historyFile(t)}}.launch(t)
	m.expect("EXTEND_TIMEOUT_USEC=", "READY=1")
	if ready := m.expect("READY=1"); !slices.Contains(ready, "STATUS=0 of 4 clients") {
		t.Errorf("ready: %q", ready)
	}
	join(t, srv, "alice")
	m.expect("WATCHDOG=1")
	m.expect("WATCHDOG=1")

	srv.signal(syscall.SIGHUP)
	if reloading := m.expect("RELOADING=1", "READY=1"); len(reloading) != 2 || !strings.HasPrefix(reloading[1], "MONOTONIC_USEC=") {
		t.Errorf("reloading: %q", reloading)
	}
	if ready := m.expect("READY=1", "RELOADING=1"); !slices.Contains(ready, "STATUS=1 of 4 clients") {
		t.Errorf("ready again: %q", ready)
	}
	srv.signal(syscall.SIGTERM)
	m.expect("STOPPING=1", "READY=1")
	srv.expectEnd(0)
}

// The status says how many clients there are in how many rooms, and that a file could not
// be used at the last reload.
func TestServiceStatus(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	file := filepath.Join(t.TempDir(), "rooms.toml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const maths = "[[room]]\nname = \"maths\"\nkey = \"correct-horse\"\n"
	write(maths)
	srv := setup{env: m.environment(), flags: []string{"--rooms", file}}.launch(t)
	m.expect("STATUS=0 clients in 2 rooms")
	write("[[room]]\n")
	srv.signal(syscall.SIGHUP)
	m.expect("RELOADING=1")
	m.expect("STATUS=0 clients in 2 rooms; not all could be reloaded, see the log")
	write(maths)
	srv.signal(syscall.SIGHUP)
	if ready := m.expect("READY=1"); !slices.Contains(ready, "STATUS=0 clients in 2 rooms") {
		t.Errorf("after a reload without an error: %q", ready)
	}
}

// listeners returns sockets that listen at free ports, and the ports.
func listeners(t testing.TB, n int) (files []*os.File, ports []int) {
	t.Helper()
	for range n {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // which systemd does not use either
		l, err := config.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", freePort(t)))
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		files, ports = append(files, file), append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return files, ports
}

// activated is a wrapper that runs a server as systemd does that has opened sockets for it.
func activated(n int, names string) []string {
	return []string{"sh", "-c", fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s exec "$@"`, n, names), "sh"}
}

// Sockets of systemd are taken by their names, or else by their ports, for PORT, the page
// and TLS. What it has not opened is listened on as always. A client that connected before
// the server ran is let in.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	certFile, keyFile, trusting := certificateFiles(t)
	for _, test := range []struct {
		what, names string
		opened      int
	}{
		{"by name", "tls:plain:web", 3},
		{"by port", "a.socket:a.socket:a.socket", 3},
		{"without names", "", 3},
		{"TLS alone", "tls", 1},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			files, ports := listeners(t, test.opened)
			for len(ports) < 3 {
				ports = append(ports, freePort(t))
			}
			tlsPort, port, webPort := ports[0], ports[1], ports[2]
			var early *client
			if test.opened == 3 {
				early = connect(t, &server{t: t, port: port})
			}
			srv := setup{
				port: port, passed: files, wrapper: activated(test.opened, test.names),
				flags: []string{
					"--tls", fmt.Sprintf("127.0.0.1:%d", tlsPort), "--web", fmt.Sprintf("127.0.0.1:%d", webPort),
					"--tls-cert", certFile, "--tls-key", keyFile,
				},
			}.start(t)
			srv.stderr.waitForLine(t, "opened by systemd: ", fmt.Sprintf("port %d of TLS", tlsPort))
			if early != nil {
				early.authenticate("early", key)
				srv.stderr.waitForLine(t, "opened by systemd: ", fmt.Sprintf("port %d,", port), fmt.Sprintf("port %d of the page", webPort))
			}
			srv.stderr.waitForLine(t, fmt.Sprintf("https://127.0.0.1:%d/", webPort))
			bob := join(t, srv, "bob")
			alice := startJoinAt(t, fmt.Sprintf("127.0.0.1:%d", tlsPort), "--tls-ca", certFile)
			fmt.Fprintln(alice.in, "hello")
			bob.expect(message("alice", "hello"))
			page := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting, DisableKeepAlives: true}}
			answer, err := page.Get(fmt.Sprintf("https://127.0.0.1:%d/", webPort))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if strings.Contains(srv.stderr.String(), "is for nothing") {
				t.Errorf("a socket was not used:\n%s", srv.stderr)
			}
		})
	}
}

// A CA is answered over HTTP at a socket of systemd, too, so port 80 needs no privilege.
func TestSocketActivationForCA(t *testing.T) {
	t.Parallel()
	files, ports := listeners(t, 1)
	srv := setup{passed: files, wrapper: activated(1, "acme-http"), flags: []string{
		"--acme", "127.0.0.1", "--acme-ca", "https://127.0.0.1:1/directory", "--acme-dir", t.TempDir(),
		"--acme-http", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--tls", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
	}}.start(t)
	srv.stderr.waitForLine(t, fmt.Sprintf("opened by systemd: port %d for a CA", ports[0]))
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := browser.Get(fmt.Sprintf("http://127.0.0.1:%d/.well-known/acme-challenge/none", ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("the answer is %s", answer.Status)
	}
}

// A socket that is for nothing is closed, and the log says so. One with another port than
// the option says ends the server, and so does one that is not of TCP.
func TestSocketsThatDoNotFit(t *testing.T) {
	t.Parallel()
	t.Run("for nothing", func(t *testing.T) {
		files, ports := listeners(t, 1)
		srv := setup{passed: files, wrapper: activated(1, "other")}.start(t)
		srv.stderr.waitForLine(t, "a socket of systemd is for nothing", fmt.Sprintf("address=127.0.0.1:%d", ports[0]))
		files[0].Close()
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0])); err == nil {
			conn.Close()
			t.Error("the socket still listens")
		}
	})
	t.Run("another port", func(t *testing.T) {
		files, ports := listeners(t, 1)
		srv := setup{passed: files, wrapper: activated(1, "plain")}.launch(t)
		srv.expectEnd(1)
		if want := fmt.Sprintf(`sop-chat: the socket "plain" of systemd has port %d, and PORT says %d; give both the same`, ports[0], srv.port); !strings.Contains(srv.stderr.String(), want) {
			t.Errorf("it says\n%swant\n%s", srv.stderr, want)
		}
	})
	t.Run("not TCP", func(t *testing.T) {
		_, file := pipe(t)
		srv := setup{passed: []*os.File{file}, wrapper: activated(1, "plain")}.launch(t)
		srv.expectEnd(1)
		if want := `sop-chat: the socket "plain" of systemd: getsockopt: socket operation on non-socket`; !strings.Contains(srv.stderr.String(), want) {
			t.Errorf("it says\n%swant\n%s", srv.stderr, want)
		}
	})
}
