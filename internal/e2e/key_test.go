package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sop-chat/internal/wire"
)

// After a wrong key the server closes both directions at once and sends nothing,
// so that a waiting client does not wait for ever.
func TestWrongKeys(t *testing.T) {
	t.Parallel()
	srv := setup{key: []string{"key"}, flags: []string{"--auth-timeout", "10m"}}.start(t)
	for _, wrong := range []string{
		"ke", "keyy", "KEY", "Key", "key ", " key", "", "\x00key", "ke\x00y", "k", "yek", "key\n",
		strings.Repeat("key", wire.TextSize/3), "\xff",
	} {
		t.Run(wrong, func(t *testing.T) {
			c := connect(t, srv)
			c.send(message("guest", wrong))
			c.expectFullyClosed()
		})
	}
}

// Messages after a wrong key reach nobody, even in the same segment.
func TestWrongKeyThenMessages(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	bad := connect(t, srv)
	bad.send(message("bad", key+"!"), message("bad", "let me in"), message("bad", key), message("bad", "now?"))
	bad.expectClosed()
	a.expectNothing(b)
	b.expectNothing(a)
}

// A second authentication message is an ordinary message, right or wrong.
func TestAuthenticatesOnce(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	for _, again := range []string{key, "wrong"} {
		b.expect(a.say(again))
		b.expectNothing(a)
	}
}

// The GUI client's key is empty by default; a server permits that only on
// request.
func TestEmptyKey(t *testing.T) {
	t.Parallel()
	srv := setup{key: []string{""}, flags: []string{"--allow-empty-key"}}.start(t)
	a, b := dial(t, srv, "User", ""), dial(t, srv, "User", "\x00junk")
	b.expect(a.say("hello"))
	c := connect(t, srv)
	c.send(message("User", "key"))
	c.expectFullyClosed()
}

// With --console-keys hide, or without it if there is a page, neither the room's key nor a
// wrong one is in the output of the server or among its arguments.
func TestKeysHidden(t *testing.T) {
	t.Parallel()
	for i, format := range []string{"text", "json"} {
		how := []string{"hide", "auto"}[i]
		const secret, wrong = "the-rooms-secret", "hunter2-of-mine"
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		srv := setup{key: []string{}, flags: []string{
			"--key-file", file, "--console-keys", how, "--console", format, "--log-level", "debug",
			"--web", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		}}.start(t)
		guest := connect(t, srv)
		guest.send(message("guest", wrong))
		guest.expectClosed()
		dial(t, srv, "alice", secret).Close()
		srv.stdout.waitForLine(t, "alice", "left")
		said := srv.stdout.String() + srv.stderr.String()
		if strings.Contains(said, secret) || strings.Contains(said, wrong) || !strings.Contains(said, "refused") {
			t.Errorf("the server says:\n%s", said)
		}
	}
}
