package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockFile locks a file as another program would, until release is called.
func lockFile(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is locked", func() bool {
		_, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
		return err == nil
	})
	release = sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		conn.Close()
		db.Close()
	})
	t.Cleanup(release)
	return release
}

// While another program keeps the file locked, the chat goes on, even if more
// messages come than may wait. The sequences of those that are left out are
// not used.
func TestLockedByAnother(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	r.say(alice, "alice", "before", noon)
	eventually(t, "it is kept", func() bool { return len(read(t, r.path, Filter{})) == 1 })
	release := lockFile(t, r.path)
	const batches, each, longest = 40, 500, 2500 * time.Millisecond // 10 MB, with 4 MiB of backlog
	for b := range batches {
		for i := range each {
			r.add(alice, "alice", fmt.Sprint(b*each+i))
		}
		asked := time.Now()
		r.append(noon)
		if waited := time.Since(asked); waited > longest {
			t.Fatalf("batch %d waited for %v", b, waited)
		}
	}
	eventually(t, "it is said", func() bool {
		return strings.Contains(r.journal.String(), "the chat goes on") && strings.Contains(r.journal.String(), "another program keeps it locked")
	})
	release()
	eventually(t, "it is written again", func() bool { return strings.Contains(r.journal.String(), "messages are missing in it") })
	r.say(alice, "alice", "after", noon)
	r.finish()
	all := read(t, r.path, Filter{})
	last := all[len(all)-1]
	if string(last.Wire.Text()) != "after" || last.Sequence != batches*each+2 || len(all) == batches*each+2 {
		t.Errorf("%d messages are kept; the last is %q with number %d", len(all), last.Wire.Text(), last.Sequence)
	}
	for _, m := range all[1 : len(all)-1] {
		if got, want := string(m.Wire.Text()), fmt.Sprint(m.Sequence-2); got != want {
			t.Fatalf("message %d is %q, want %q", m.Sequence, got, want)
		}
	}
	checkFile(t, r.path)
}

// A short lock is not reported.
func TestLockedShortly(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	release := lockFile(t, r.path)
	r.say(alice, "alice", "hello", noon)
	brief := time.NewTimer(maxLockWait / 4)
	<-brief.C
	release()
	r.finish()
	if n, said := len(read(t, r.path, Filter{})), r.journal.String(); n != 1 || said != "" {
		t.Errorf("%d messages are kept, and said is %q", n, said)
	}
}

// The end of the server waits two seconds for a lock, and reports how many
// messages are lost.
func TestLockedAtTheEnd(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	r.say(alice, "alice", "kept", noon)
	eventually(t, "it is kept", func() bool { return len(read(t, r.path, Filter{})) == 1 })
	lockFile(t, r.path)
	for range 3000 {
		r.add(alice, "alice", "lost")
	}
	r.append(noon)
	began := time.Now()
	r.stop()
	expectError(t, "the end", r.end(), fmt.Sprintf("lacks the last %d messages", 3000))
	if took := time.Since(began); took > closeTimeout+time.Second {
		t.Errorf("the end took %v", took)
	}
}
