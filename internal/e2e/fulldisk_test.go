//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// smallDisk returns a folder on a file system with little space.
func smallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("sop-chat", dir, "tmpfs", 0, "size=2m,mode=0777")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		testenv.Lacks(t, "leave to mount something, which takes root and no container that forbids it: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// occupy takes all the space of a disk, and returns a function that gives it
// back.
func occupy(t testing.TB, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "occupied")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// While the disk is full, the server reports that once, and the chat goes on.
// When there is space again, the messages of that time are written.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path := filepath.Join(dir, "history.db")
	srv := start(t, "--history", path, "--history-sync", "10ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	var said []wire.Message
	say := func(text string) {
		m := a.say(text)
		b.expect(m)
		said = append(said, m)
	}
	say("before")
	eventually(t, "the first message is kept", func() bool { return len(readHistory(t, path, 0)) == 1 })
	free := occupy(t, dir)
	for i := range 2000 {
		say(fmt.Sprint("meanwhile ", i))
	}
	srv.stderr.waitForLine(t, "level=ERROR", "the history can't be written", "the chat goes on", path, "the disk is full")
	for i := range 100 {
		say(fmt.Sprint("knowing ", i))
	}
	free()
	srv.stderr.waitForLine(t, "the history is written again, and nothing is missing in it")
	say("after")
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	checkHistory(t, path)
	expectKept(t, path, said)
}

func expectKept(t testing.TB, path string, said []wire.Message) {
	t.Helper()
	kept := readHistory(t, path, 0)
	if len(kept) != len(said) {
		t.Fatalf("%d messages were kept, want %d", len(kept), len(said))
	}
	for i := range said {
		if kept[i].Wire != said[i] {
			t.Fatalf("message %d was kept as %q, want %q", i, kept[i].Wire.Text(), said[i].Text())
		}
	}
}

// If far more messages come than the backlog has space for, the chat goes on
// anyway. Missing messages are counted, and their sequences are not used.
func TestFullDiskForLong(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path := filepath.Join(dir, "history.db")
	srv := start(t, "--history", path, "--history-sync", "10ms", "--backlog", "256KiB")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("before"))
	eventually(t, "the first message is kept", func() bool { return len(readHistory(t, path, 0)) == 1 })
	free := occupy(t, dir)
	const meanwhile = 20_000
	sent := beside(t, func() error { return a.flood(0, meanwhile) })
	if err := b.reader("alice").readAll(meanwhile); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	free()
	srv.stderr.waitForLine(t, "level=ERROR", "messages are missing in it", "missing=")
	b.expect(a.say("after"))
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	checkHistory(t, path)
	kept := readHistory(t, path, 0)
	last := kept[len(kept)-1]
	if string(last.Wire.Text()) != "after" || last.Sequence != meanwhile+2 || len(kept) >= meanwhile {
		t.Errorf("%d messages are kept; the last is %q with number %d, want %d", len(kept), last.Wire.Text(), last.Sequence, meanwhile+2)
	}
	for _, m := range kept[1 : len(kept)-1] {
		if got, want := string(m.Wire.Text()), fmt.Sprint(m.Sequence-2); got != want {
			t.Fatalf("message %d is %q, want %q", m.Sequence, got, want)
		}
	}
}

// With --history-sync 0 nobody receives a message that can't be written: the chat
// waits for space, and then nothing is missing. Clients are not disconnected
// meanwhile.
func TestFullDiskStrict(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path := filepath.Join(dir, "history.db")
	srv := start(t, "--history", path, "--history-sync", "0", "--backlog", "64KiB", "--stall-timeout", "100ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	first := a.say("before")
	b.expect(first)
	free := occupy(t, dir)
	const meanwhile = 1500
	sent := beside(t, func() error { return a.flood(0, meanwhile) })
	srv.stderr.waitForLine(t, "level=ERROR", "the chat waits until it can", "the disk is full")
	free()
	if err := b.reader("alice").readAll(meanwhile); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	checkHistory(t, path)
	said := []wire.Message{first}
	for n := range meanwhile {
		said = append(said, numbered("alice", n))
	}
	expectKept(t, path, said)
}

// A server that ends while the disk is full reports what is lost, and does not
// wait for space for ever.
func TestFullDiskAtTheEnd(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	path := filepath.Join(dir, "history.db")
	srv := start(t, "--history", path, "--history-sync", "10ms")
	a, b := join(t, srv, "alice"), join(t, srv, "bob")
	b.expect(a.say("before"))
	eventually(t, "the first message is kept", func() bool { return len(readHistory(t, path, 0)) == 1 })
	occupy(t, dir)
	const lost = 3000
	for i := range lost {
		b.expect(a.say(fmt.Sprint("lost ", i)))
	}
	srv.stderr.waitForLine(t, "the disk is full")
	srv.signal(syscall.SIGINT)
	srv.expectEnd(1)
	srv.stderr.waitForLine(t, "sop-chat: the history", "lacks the last", "messages, because it could not be written")
	if kept := readHistory(t, path, 0); len(kept) == 0 || len(kept) > lost {
		t.Errorf("%d messages are kept", len(kept))
	}
}
