package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// The key can come from a file or from the environment, so that the list of
// processes does not show it. A line end that an editor leaves is not part of it.
func TestHiddenKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	for _, test := range []struct {
		what, content string
		setup         setup
	}{
		{"file", key, setup{flags: []string{"--key-file", file}}},
		{"file with a line end", key + "\n", setup{flags: []string{"--key-file", file}}},
		{"file named by a variable", key, setup{env: []string{"SOP_CHAT_KEY_FILE=" + file}}},
		{"variable", "", setup{env: []string{"SOP_CHAT_KEY=" + key}}},
	} {
		t.Run(test.what, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			test.setup.key = []string{} // none
			srv := test.setup.start(t)
			srv.expectAlive()
			if strings.Contains(srv.proc("cmdline"), key) {
				t.Error("the command line contains the key")
			}
		})
	}
}

// A key file without a valid key is refused.
func TestWrongKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct{ what, content, says string }{
		{"zero byte", "ke\x00y", "zero byte"},
		{"too long", strings.Repeat("k", wire.TextSize+1), "449"},
		{"empty", "", "--allow-empty-key"},
	} {
		t.Run(test.what, func(t *testing.T) {
			file := filepath.Join(dir, test.what)
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got := run(t, nil, binary, "--key-file", file, "9000")
			if got.status != 2 {
				t.Errorf("status is %d, want 2", got.status)
			}
			expectWords(t, got.stderr, test.says)
		})
	}
	t.Run("not there", func(t *testing.T) {
		file := filepath.Join(dir, "nowhere")
		got := run(t, nil, binary, "--key-file", file, "9000")
		if got.status == 0 {
			t.Error("status is 0")
		}
		expectWords(t, got.stderr, file)
	})
}

// Every flag has a variable, which counts if the flag is not given.
func TestVariables(t *testing.T) {
	t.Parallel()
	env := []string{"SOP_CHAT_MAX_CLIENTS=1", "SOP_CHAT_CONSOLE=off", "SOP_CHAT_STAGE=3", "SOP_CHAT_AUTH_TIMEOUT=1s"}
	srv := setup{env: env, flags: []string{"--stage", "4"}}.start(t)
	connect(t, srv).expectFullyClosed() // After the timeout.
	join(t, srv, "a").say("hello")
	if connect(t, srv).isAdmitted("b") {
		t.Error("a second client was let in")
	}
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	if srv.stdout.String() != "" {
		t.Errorf("the console prints %q", srv.stdout)
	}
}

// --bind makes the server listen on one address only.
func TestBind(t *testing.T) {
	t.Parallel()
	srv := start(t, "--bind", "127.0.0.1")
	srv.expectAlive()
	elsewhere := fmt.Sprintf("127.0.0.2:%d", srv.port)
	if conn, err := net.DialTimeout("tcp", elsewhere, testTimeout); err == nil {
		conn.Close()
		t.Error("the server also listens on 127.0.0.2")
	}
}

// By default the server listens on IPv6 as well as on IPv4.
func TestIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		testenv.Lacks(t, err.Error())
	} else {
		l.Close()
	}
	srv := start(t)
	conn, err := net.DialTimeout("tcp6", fmt.Sprintf("[::1]:%d", srv.port), testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	six := &client{TCPConn: conn.(*net.TCPConn), t: t}
	six.authenticate("six", key)
	four := join(t, srv, "four")
	six.expect(four.say("hello"))
	four.expect(six.say("hello"))
}

// The GUI client cannot send a key that is not ASCII, so there is a warning.
func TestKeyNotASCII(t *testing.T) {
	t.Parallel()
	srv := setup{key: []string{"żółw"}}.start(t)
	srv.stderr.waitForLine(t, "ASCII")
	dial(t, srv, "a", "żółw")
	if strings.Contains(srv.stderr.String(), "żółw") {
		t.Errorf("the warning shows the key:\n%s", srv.stderr)
	}
}
