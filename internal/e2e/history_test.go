package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/history"
	"sop-chat/internal/wire"
)

// Messages are kept byte for byte, with their senders, and replayed after a
// restart.
func TestHistory(t *testing.T) {
	t.Parallel()
	for _, window := range []string{"200ms", "0"} {
		t.Run(window, func(t *testing.T) {
			path := historyFile(t)
			flags := []string{"--history", path, "--history-sync", window, "--replay", "3"}
			first := start(t, flags...)
			a, b := join(t, first, "alice"), join(t, first, "bob")
			var said []wire.Message
			for i := range 5 {
				m := message(" alice ", fmt.Sprintf("%d \xff\x1b[2J", i))
				copy(m[500:], "behind the terminator")
				a.send(m)
				b.expect(m)
				said = append(said, m)
			}
			first.signal(syscall.SIGINT)
			first.expectEnd(0)

			kept := readHistory(t, path, 0)
			if len(kept) != len(said) {
				t.Fatalf("%d messages were kept, want %d", len(kept), len(said))
			}
			for i, m := range kept {
				if m.Wire != said[i] || m.From.Name != "alice" || m.From.Addr.String() != a.LocalAddr().String() || m.Room != "main" {
					t.Errorf("message %d was kept as %q of %q from %v in %q", i, m.Wire.Text(), m.From.Name, m.From.Addr, m.Room)
				}
			}
			second := start(t, flags...)
			c := join(t, second, "carol")
			c.expect(said[2:]...)
			d := join(t, second, "dave")
			d.expect(said[2:]...)
			c.expectNothing(d)
			second.signal(syscall.SIGINT)
			second.expectEnd(0)
			if kept := readHistory(t, path, 0); len(kept) != len(said)+1 {
				t.Errorf("%d messages are there after a restart and one more message, want %d", len(kept), len(said)+1)
			}
			checkHistory(t, path)
		})
	}
}

// SIGINT in the middle of a flood: every message that a client received is kept,
// in the order in which it was received.
func TestHistoryAfterSIGINT(t *testing.T) {
	t.Parallel()
	for _, window := range []string{"200ms", "0"} {
		t.Run(window, func(t *testing.T) {
			path := historyFile(t)
			srv := start(t, "--history", path, "--history-sync", window)
			w := startRecorder(t, srv)
			w.waitFor(t, 3000)
			srv.signal(syscall.SIGINT)
			srv.expectEnd(0)
			w.checkKept(t, readHistory(t, path, 0), time.Time{})
			checkHistory(t, path)
		})
	}
}

// kill -9 at any time under load: the file is intact and has messages in the
// order in which they were received. The missing ones are not older than the
// window, or than it takes to write at all where the machine is busy. With a window of 0
// nothing is missing.
func TestHistoryAfterKill(t *testing.T) {
	t.Parallel()
	kills := scaled(6, 60)
	const busy = time.Second
	for _, window := range []time.Duration{0, 200 * time.Millisecond} {
		t.Run(window.String(), func(t *testing.T) {
			var path string
			for i := range kills / 2 {
				if i%5 == 0 { // checking it takes longer the longer it is
					path = historyFile(t)
				}
				before := lastOf(t, path)
				srv := start(t, "--history", path, "--history-sync", window.String())
				w := startRecorder(t, srv)
				w.waitFor(t, 1)
				within := 400 * time.Millisecond
				if window > 0 {
					within += 2 * busy
				}
				atRandom := time.NewTimer(rand.N(within))
				<-atRandom.C
				var kept time.Time // nothing may be missing
				if window > 0 {
					kept = time.Now().Add(-window - busy)
				}
				srv.kill()
				checkHistory(t, path)
				w.checkKept(t, readHistory(t, path, before), kept)
			}
		})
	}
}

// However many more messages come than the disk takes, and however large the
// backlog is, no message waits for longer than the window to be written; or than it takes
// to write at all where the machine is busy, which is less than a flood piles up.
func TestHistoryUnderFlood(t *testing.T) {
	t.Parallel()
	const window, busy = 200 * time.Millisecond, 3 * time.Second
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", window.String(), "--backlog", "1GiB")
	w := startRecorder(t, srv)
	flooded := time.NewTimer(2 * busy)
	<-flooded.C
	killed := time.Now()
	srv.kill()
	w.checkKept(t, readHistory(t, path, 0), killed.Add(-window-busy))
}

func historyFile(t testing.TB) string { return filepath.Join(t.TempDir(), "history.db") }

// readHistory returns the messages after a sequence.
func readHistory(t testing.TB, path string, after int64) []history.Message {
	t.Helper()
	r, err := history.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []history.Message
	for m, err := range r.Messages(t.Context(), history.Filter{After: after}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *m)
	}
	return all
}

// lastOf returns the sequence of the last message there ever was, or 0 if there
// is no file yet.
func lastOf(t testing.TB, path string) int64 {
	t.Helper()
	r, err := history.OpenReader(t.Context(), path)
	if err != nil {
		return 0
	}
	defer r.Close()
	last, err := r.Last(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// checkHistory checks that the file and its index of words are intact.
func checkHistory(t testing.TB, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, OmitHost: true}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var result string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Fatalf("integrity_check: %v, %s", err, result)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO search (search, rank) VALUES ('integrity-check', 1)"); err != nil {
		t.Fatalf("the index of words: %v", err)
	}
}

// A recorder receives the messages of a room, from two clients that send as many
// as they can, and records when it received each.
type recorder struct {
	done  chan struct{} // closed when the connection has ended
	count atomic.Int64
	order []wire.Message
	at    []time.Time
	err   error
}

func startRecorder(t testing.TB, srv *server) *recorder {
	t.Helper()
	c := join(t, srv, "recorder")
	w := &recorder{done: make(chan struct{})}
	go w.record(c)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	for _, name := range []string{"first", "second"} {
		sender := join(t, srv, name)
		discarded := beside(t, func() error { _, err := io.Copy(io.Discard, sender); return err })
		sent := beside(t, func() error {
			for n := 0; ctx.Err() == nil; n += batch {
				if err := sender.flood(n, n+batch); err != nil {
					return err
				}
			}
			return nil
		})
		t.Cleanup(func() { sender.Close(); discarded.result(); sent.result() })
	}
	return w
}

func (w *recorder) record(c *client) {
	defer close(w.done)
	in := io.Reader(c)
	for {
		var m wire.Message
		if _, err := io.ReadFull(in, m[:]); err != nil {
			if !isClose(err) && !errors.Is(err, syscall.ETIMEDOUT) {
				w.err = err
			}
			return
		}
		w.order, w.at = append(w.order, m), append(w.at, time.Now())
		w.count.Add(1)
	}
}

// waitFor returns when the recorder has received as many messages as given.
func (w *recorder) waitFor(t testing.TB, n int64) {
	t.Helper()
	eventually(t, "the recorder receives messages", func() bool { return w.count.Load() >= n })
}

// checkKept compares the messages in the file with those that the recorder
// received until its connection ended: they begin alike, and those received
// before some time are kept; if the time is zero, all of them are.
func (w *recorder) checkKept(t testing.TB, kept []history.Message, before time.Time) {
	t.Helper()
	<-w.done
	if w.err != nil {
		t.Fatal(w.err)
	}
	for i := range min(len(kept), len(w.order)) {
		if kept[i].Wire != w.order[i] {
			t.Fatalf("message %d was heard as %q of %q and kept as %q of %q", i,
				w.order[i].Text(), w.order[i].Name(), kept[i].Wire.Text(), kept[i].Wire.Name())
		}
	}
	missing := len(w.order) - len(kept)
	if missing <= 0 {
		return
	}
	// On a machine that has other things to do, a disk may take its time.
	const mercy = time.Second
	tooOld := before.Sub(w.at[len(kept)])
	t.Logf("%d of %d messages are missing, the first of which was heard %v before they had to be kept", missing, len(w.order), tooOld)
	if before.IsZero() || tooOld > mercy {
		t.Errorf("%d of %d messages are missing, the first of which was heard %v before they had to be kept", missing, len(w.order), tooOld)
	}
}

// The file can be read while the server writes to it: a reader that follows shows
// all messages, and a closed pipe is not an error.
func TestHistoryWhileRunning(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "10ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("first"))
	eventually(t, "the first message is kept", func() bool { return lastOf(t, path) == 1 })

	follower := exec.Command(binary, "history", "list", path, "--follow")
	shown := new(output)
	follower.Stdout, follower.Stderr, follower.Env = shown, shown, environment()
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- follower.Wait(); shown.Close() }()
	shown.waitForLine(t, "alice: first")
	const messages = 3000
	sent := beside(t, func() error { return a.flood(0, messages) })
	if err := b.reader("alice").readAll(messages); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	shown.waitForLine(t, fmt.Sprint("alice: ", messages-1))
	if err := follower.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("list --follow ends with %v", err)
	}
	if n := len(shown.lines()); n != messages+1 {
		t.Errorf("%d lines are shown, want %d", n, messages+1)
	}

	for _, command := range []string{
		`history list "$1" --last 0`, `history search "$1" alice 1* --last 0`, `history export "$1"`,
		`history export "$1" --format html`, `history export "$1" --format csv`, `history export "$1" --format json`, `history stats "$1"`,
	} {
		got := run(t, nil, "sh", "-c", `"$0" `+command+` | head -1`, binary, path)
		if got.status != 0 || got.stderr != "" && !strings.Contains(got.stderr, "nothing was found") {
			t.Errorf("%s: status %d, %s", command, got.status, got.stderr)
		}
	}
	if got := run(t, nil, binary, "history", "prune", path, "--older-than", time.Now().Format(time.RFC3339Nano)); got.status != 0 {
		t.Errorf("prune: status %d, %s", got.status, got.stderr)
	}
	b.expect(a.say("after that"))
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	checkHistory(t, path)
	if kept := readHistory(t, path, 0); len(kept) != 1 || string(kept[0].Wire.Text()) != "after that" {
		t.Errorf("%d messages are left", len(kept))
	}
}

// A second server with the same file, and one with a file that is not a history,
// report that and end.
func TestHistoryRefused(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("not a database\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, says string }{
		{path, "another running server writes to it"},
		{other, "it is not an SQLite database"},
		{filepath.Join(other, "x"), "not a directory"},
	} {
		got := run(t, nil, binary, "--history", test.path, strconv.Itoa(freePort(t)), key)
		last := got.stderr[strings.LastIndex(strings.TrimSuffix(got.stderr, "\n"), "\n")+1:]
		if got.status != 1 || !strings.Contains(last, test.says) || !strings.HasPrefix(last, "sop-chat: ") {
			t.Errorf("%s: status %d, %s", test.path, got.status, got.stderr)
		}
	}
	srv.expectAlive()
}

// Messages that are older than --retain are removed while the server runs.
func TestHistoryRetain(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "1ms", "--retain", "2s")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("first"))
	eventually(t, "it is kept", func() bool { return lastOf(t, path) == 1 })
	eventually(t, "it is removed", func() bool { return len(readHistory(t, path, 0)) == 0 })
	b.expect(a.say("second"))
	eventually(t, "the next is kept", func() bool { return lastOf(t, path) == 2 })
}
