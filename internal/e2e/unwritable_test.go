package e2e

import (
	"strings"
	"testing"
)

// If standard output can't be written, a command reports that and nothing else,
// with status 1. If nobody reads it any more, the command ends silently with
// status 0.
func TestUnwritableOutput(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "0")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("hello"))
	a.Close()
	b.Close()
	for _, command := range []string{
		"--help", "--version", "join --help", "bench --help", "history --help", "history list --help", "completion bash", "licenses",
		`history list "$1"`, `history search "$1" hello`, `history stats "$1"`, `history prune "$1" --older-than 1d`,
		`history export "$1"`, `history export "$1" --format json`, `history export "$1" --format csv`,
		`history export "$1" --format html`,
		`bench --clients 2 --senders 1 --warmup 0 --duration 10ms "$2"`,
	} {
		env := []string{"SOP_CHAT_KEY=" + key}
		full := run(t, env, "sh", "-c", `exec "$0" `+command+` >/dev/full`, binary, path, srv.address())
		if want := "sop-chat: standard output can't be written: no space left on device\n"; full.status != 1 || full.stderr != want {
			t.Errorf("%s: status %d, want 1; stderr:\n%swant:\n%s", command, full.status, full.stderr, want)
		}
		unread := run(t, env, "sh", "-c", `{ "$0" `+command+`; echo $? >&2; } | true`, binary, path, srv.address())
		if status := strings.TrimSpace(unread.stderr); status != "0" {
			t.Errorf("%s, into a pipe that nobody reads: %s, want status 0 and no word", command, status)
		}
	}
}
