package history

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// An archive counts what it writes and what it has to leave out, and says why the file
// can't be written for as long as it can't.
func TestWriterStats(t *testing.T) {
	path := newFile(t)
	b := newBuilding(t, path, Config{Window: time.Millisecond})
	defer b.end()
	b.open("main", RoomConfig{})
	b.say("main", noon, "first", "second")
	eventually(t, "both are written", func() bool { return b.archive.Stats().Written == 2 && b.archive.Stats().Queue == 0 })
	if s := b.archive.Stats(); s.Missing != 0 || s.Failure != "" || s.Commit.Count() == 0 || s.Commit.Sum <= 0 {
		t.Errorf("while all is well: %+v", s)
	}

	execute(t, path, "CREATE TRIGGER refuse BEFORE INSERT ON message BEGIN SELECT raise(ABORT, 'refused'); END")
	b.say("main", noon, "third")
	eventually(t, "it fails", func() bool { return strings.Contains(b.archive.Stats().Failure, "refused") })
	if s := b.archive.Stats(); s.Queue != 1 || s.Written != 2 || s.Missing != 0 {
		t.Errorf("while a message waits: %+v", s)
	}
	said := 3
	for range 2 * backlog / wire.Size / 100 {
		b.say("main", noon, make([]string, 100)...)
		said += 100
	}
	eventually(t, "some are left out", func() bool { return b.archive.Stats().Missing > 0 })

	execute(t, path, "DROP TRIGGER refuse")
	eventually(t, "the others are written", func() bool {
		s := b.archive.Stats()
		return s.Failure == "" && s.Queue == 0 && int(s.Written+s.Missing) == said
	})
	if got, want := len(read(t, path, Filter{})), int(b.archive.Stats().Written); got != want {
		t.Errorf("%d messages are in the file, and %d are counted", got, want)
	}
	b.finish()
}

// A failure is over when the file is inspected next without one, also if nothing is said: a
// server that gets no clients because of it would not find out otherwise.
func TestFailureEndsWithoutMessages(t *testing.T) {
	a, _ := openArchive(t, newFile(t))
	a.failed(errors.New("no space left"))
	if got := a.Stats().Failure; got != "no space left" {
		t.Errorf("the failure is %q", got)
	}
	a.inspectAt = time.Now()
	if err := a.maintain(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	if got := a.Stats().Failure; got != "" {
		t.Errorf("the failure is still %q", got)
	}
}
