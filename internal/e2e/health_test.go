package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A server is healthy at each of its ports as long as its loops run, and nobody notices
// that it was asked.
func TestHealth(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificateFiles(t)
	tlsPort, webPort := freePort(t), freePort(t)
	srv := start(t, "--tls", fmt.Sprintf("127.0.0.1:%d", tlsPort), "--web", fmt.Sprintf("127.0.0.1:%d", webPort),
		"--tls-cert", certFile, "--tls-key", keyFile, "--max-clients", "1")
	srv.stderr.waitForLine(t, fmt.Sprintf("https://127.0.0.1:%d/", webPort))
	check := func(want string, env []string, args ...string) {
		t.Helper()
		cmd := exec.Command(binary, append([]string{"health"}, args...)...)
		cmd.Env = environment(env...)
		said, err := cmd.CombinedOutput()
		if want == "" && (err != nil || len(said) > 0) || want != "" && (err == nil || !strings.Contains(string(said), want)) {
			t.Errorf("%q with %q: %v, %q; want %q", args, env, err, said, want)
		}
	}
	for _, port := range []string{fmt.Sprint("SOP_CHAT_PORT=", srv.port), fmt.Sprint("SOP_CHAT_TLS=:", tlsPort)} {
		check("", []string{port})
	}
	check("", []string{fmt.Sprintf("SOP_CHAT_WEB=127.0.0.1:%d", webPort), "SOP_CHAT_ACME=localhost"})
	check("", nil, srv.address())
	check("", nil, fmt.Sprintf("tls://127.0.0.1:%d", tlsPort))
	check("", nil, fmt.Sprintf("https://127.0.0.1:%d/", webPort))
	check("the answer is 404 Not Found", nil, fmt.Sprintf("https://127.0.0.1:%d/nothing", webPort))
	check("nobody listens at 127.0.0.1:", nil, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	check("ADDRESS is missing", nil)
	check(`"localhost" is not HOST:PORT`, nil, "localhost")

	if said := srv.stdout.String() + srv.stderr.String(); srv.stdout.String() != "" || strings.Contains(said, "connection") {
		t.Errorf("it was noticed:\n%s", said)
	}

	join(t, srv, "alice") // takes the only slot
	check("", nil, srv.address())
	srv.signal(syscall.SIGSTOP)
	check("does not answer within 300ms", nil, "--timeout", "300ms", srv.address())
	srv.signal(syscall.SIGCONT)
}

// What sends something is another program.
func TestHealthOfAnother(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	greeting := beside(t, func() error {
		conn, err := l.Accept()
		if err == nil {
			conn.Write([]byte("220 mail\r\n"))
			conn.Close()
		}
		return err
	})
	said, err := exec.Command(binary, "health", l.Addr().String()).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "it speaks first, so it is another program") {
		t.Errorf("%v: %s", err, said)
	}
	wait(greeting)
}
