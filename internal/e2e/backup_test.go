package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gochat "sop-chat/client"
)

// A backup for which there is no space leaves nothing behind, and says which disk is full.
func TestBackupFullDisk(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	a := join(t, start(t, "--history", path, "--history-sync", "0"), "alice")
	a.say("something")
	dir := smallDisk(t)
	occupy(t, dir)
	made := run(t, nil, binary, "history", "backup", path, filepath.Join(dir, "copy.db"))
	if want := fmt.Sprintf("the backup can't be written to %q: the disk is full", dir); made.status != 1 || !strings.Contains(made.stderr, want) {
		t.Errorf("status %d, %s, want %s", made.status, made.stderr, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
}

// A backup that is made while the server writes has all messages from before it, is whole,
// and a server goes on from it. A client that has more is told so, and misses nothing of
// what follows.
func TestBackup(t *testing.T) {
	t.Parallel()
	path, to := historyFile(t), filepath.Join(t.TempDir(), "copy.db")
	web := startWeb(t, "--history", path, "--history-sync", "1ms", "--max-clients", "8")
	addr := strings.TrimSuffix(web.link(), "/#key="+key)
	recorder := startRecorder(t, web.server) // of a flood, which goes on
	recorder.waitFor(t, 1000)
	before := lastOf(t, path)
	made := run(t, nil, binary, "history", "backup", path, to)
	if made.status != 0 || !strings.Contains(made.stdout, " written to "+to) {
		t.Fatalf("status %d, %s%s", made.status, made.stdout, made.stderr)
	}
	after := lastOf(t, path)
	checked := run(t, nil, binary, "history", "check", to)
	if checked.status != 0 || !strings.Contains(checked.stdout, "nothing is wrong") || strings.Contains(checked.stdout, "missing") {
		t.Errorf("status %d, %s%s", checked.status, checked.stdout, checked.stderr)
	}
	if running := run(t, nil, binary, "history", "check", path); running.status != 0 {
		t.Errorf("the file of the server: status %d, %s%s", running.status, running.stdout, running.stderr)
	}
	last := lastOf(t, to)
	if last < before || last > after {
		t.Errorf("the backup has %d messages, and there were %d before it and %d after", last, before, after)
	}
	original := readHistory(t, path, 0)
	for i, m := range readHistory(t, to, 0) {
		if m.Number != int64(i+1) || m.Wire != original[i].Wire || !m.Time.Equal(original[i].Time) {
			t.Fatalf("message %d of the backup is another", i+1)
		}
	}
	if again := run(t, nil, binary, "history", "backup", path, to); again.status != 1 || !strings.Contains(again.stderr, "overwrites nothing") {
		t.Errorf("over a backup: status %d, %s%s", again.status, again.stdout, again.stderr)
	}

	// A client that has all there is.
	recorder.waitFor(t, recorder.count.Load()+100)
	alice, err := gochat.Dial(t.Context(), addr, "alice", key)
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range alice.Receive(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Number > uint64(after) {
			break
		}
	}
	state := alice.State()
	alice.Close()
	web.signal(syscall.SIGTERM)
	web.expectEnd(0)

	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(path + suffix)
	}
	if err := os.Rename(to, path); err != nil {
		t.Fatal(err)
	}
	again := startWebAt(t, web.port, web.webPort, "--history", path, "--history-sync", "1ms", "--max-clients", "8")
	alice, err = gochat.Dial(t.Context(), addr, "alice", key, gochat.Resume(state))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	if !alice.Resumed() {
		t.Error("the server does not know the client")
	}
	bob := join(t, again.server, "bob")
	bob.say("after the backup")
	for m, err := range alice.Receive(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Number != uint64(last+1) || m.Text != "after the backup" || m.Missed != 0 {
			t.Errorf("alice receives %+v, want number %d", m, last+1)
		}
		break
	}
	eventually(t, "it is written", func() bool { return lastOf(t, path) == last+1 })
	checkHistory(t, path)
}

// A file that is damaged is not whole for a check.
func TestCheckDamaged(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "1ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	for range 200 {
		b.expect(a.say(strings.Repeat("damage ", 20)))
	}
	eventually(t, "all is written", func() bool { return lastOf(t, path) == 200 })
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content)/2+8192; i++ {
		content[i] ^= 0x5a
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	checked := run(t, nil, binary, "history", "check", path)
	if checked.status != 1 || !strings.Contains(checked.stdout+checked.stderr, "not whole") && !strings.Contains(checked.stderr, "damaged") {
		t.Errorf("status %d, %s%s", checked.status, checked.stdout, checked.stderr)
	}
}

// A file that is bounded by its size stays small while the server writes to it.
func TestHistoryRetainSize(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	srv := start(t, "--history", path, "--history-sync", "1ms", "--retain", "1MB,1h")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	const messages = 4000 // of 500 bytes and more each
	go func() {
		for i := range messages {
			a.say(strings.Repeat("x", 440) + string(rune('a'+i%26)))
		}
	}()
	for range messages {
		b.receive()
	}
	eventually(t, "all is written", func() bool { return lastOf(t, path) == messages })
	eventually(t, "the oldest are removed", func() bool {
		left := readHistory(t, path, 0)
		return len(left) > 100 && len(left) < 2500 && left[len(left)-1].Number == messages
	})
}
