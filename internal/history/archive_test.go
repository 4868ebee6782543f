package history

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// testTimeout is how long a test waits for a condition.
const testTimeout = 30 * time.Second

var (
	alice = &broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("192.168.1.23:50114")}
	bob   = &broadcast.Sender{ID: 2, Name: "bob", Addr: netip.MustParseAddrPort("[fe80::1%eth0]:41870")}
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC)
)

// A room is a log and an archive that follows it.
type room struct {
	t       testing.TB
	path    string
	log     *broadcast.Log
	archive *Archive
	room    *Room
	journal *journal
	batch   *broadcast.Batch
	stop    context.CancelFunc
	result  chan error
	end     func() error
}

const backlog, slack = 4 << 20, 2 << 20

func newRoom(t testing.TB, path string, c Config) *room {
	t.Helper()
	return newRoomOf(t, path, c, "main", RoomConfig{})
}

func newRoomOf(t testing.TB, path string, c Config, name string, of RoomConfig) *room {
	t.Helper()
	r := &room{t: t, path: path, journal: new(journal), batch: broadcast.NewBatch(slack), result: make(chan error, 1)}
	r.log = broadcast.New(backlog, slack)
	c.Logger = slog.New(slog.NewTextHandler(r.journal, nil))
	var err error
	if r.archive, err = Open(path, c); err != nil {
		t.Fatal(err)
	}
	if r.room, err = r.archive.Room(name, of); err != nil {
		t.Fatal(err)
	}
	r.room.Follow(r.log)
	r.archive.Finish()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.result <- r.archive.Run(ctx) }()
	r.end = sync.OnceValue(func() error {
		r.log.Close()
		err := <-r.result
		if err := r.archive.Close(); err != nil {
			t.Error(err)
		}
		stop()
		return err
	})
	t.Cleanup(func() { r.end() })
	return r
}

// finish ends the room and expects that all messages were written.
func (r *room) finish() {
	r.t.Helper()
	if err := r.end(); err != nil {
		r.t.Fatal(err)
	}
}

// add adds a message to the batch.
func (r *room) add(from *broadcast.Sender, name, text string) {
	n := copy(r.batch.Free()[:wire.NameSize], name+strings.Repeat("\x00", wire.NameSize))
	copy(r.batch.Free()[n:wire.Size], text+strings.Repeat("\x00", wire.TextSize))
	r.batch.Add(from, wire.Size)
}

// say appends one message.
func (r *room) say(from *broadcast.Sender, name, text string, at time.Time) {
	r.add(from, name, text)
	r.append(at)
}

// append appends the batch to the log as soon as the room is not held.
func (r *room) append(at time.Time) {
	eventually(r.t, "the room is not held", func() bool { return !r.log.Held() })
	r.log.Append(r.batch, at)
	r.log.Wake(nil)
}

// A journal keeps the output of a logger.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// eventually waits until ok returns true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "history.db") }

// read returns the messages that a filter selects.
func read(t testing.TB, path string, f Filter) []Message {
	t.Helper()
	r := openReader(t, path)
	return collect(t, r, f)
}

func openReader(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func collect(t testing.TB, r *Reader, f Filter) []Message {
	t.Helper()
	var all []Message
	for m, err := range r.Messages(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *m)
	}
	return all
}

// checkFile checks that a file and its index of words are intact.
func checkFile(t testing.TB, path string) {
	t.Helper()
	f, err := openToWrite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	var result string
	if err := f.conn.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Fatalf("integrity_check: %v, %s", err, result)
	}
	if _, err := f.exec("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)"); err != nil {
		t.Fatalf("the index of words: %v", err)
	}
	var missing, removed int
	if err := f.conn.QueryRowContext(t.Context(), `SELECT
		(SELECT count(*) FROM message WHERE sequence NOT IN (SELECT id FROM search_docsize)
			AND NOT EXISTS (SELECT 1 FROM unindexed WHERE sequence BETWEEN first AND last)),
		(SELECT count(*) FROM search_docsize WHERE id NOT IN (SELECT sequence FROM message))`).Scan(&missing, &removed); err != nil {
		t.Fatal(err)
	}
	if missing > 0 || removed > 0 {
		t.Fatalf("the index of words lacks %d messages, and has %d that are removed", missing, removed)
	}
}

// A message is stored with its sender, its time and all of its bytes.
func TestArchiveKeepsBytes(t *testing.T) {
	path := newFile(t)
	r := newRoomOf(t, path, Config{Window: time.Millisecond}, "lounge", RoomConfig{})
	full, fullName := strings.Repeat("x", wire.TextSize), strings.Repeat("n", wire.NameSize)
	said := []struct {
		from       *broadcast.Sender
		name, text string
	}{
		{alice, "alice", "hello"},
		{alice, " alice ", ""},
		{bob, "", "\xff\xfe not UTF-8"},
		{bob, "bob", "ends\x00and goes on\x00"},
		{alice, "al\x00ice", "\x00begins with a zero"},
		{alice, fullName, full},
		{&broadcast.Sender{Name: ""}, "nobody", "Grüße 🎈\n\x1b[31m"},
	}
	var want []Message
	for i, s := range said {
		at := noon.Add(time.Duration(i))
		r.say(s.from, s.name, s.text, at)
		m := Message{Sequence: int64(i + 1), Number: int64(i + 1), Time: time.Unix(0, at.UnixNano()), Room: "lounge", From: *s.from}
		m.From.ID = 0
		copy(m.Wire[:], s.name)
		copy(m.Wire[wire.NameSize:], s.text)
		want = append(want, m)
	}
	r.finish()
	if got := read(t, path, Filter{}); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	checkFile(t, path)
}

// An archive continues a file: sequences go on, and the last messages are
// replayed.
func TestArchiveGoesOn(t *testing.T) {
	path := newFile(t)
	for round := range 3 {
		a, err := openRoom(path, Config{}, RoomConfig{Kept: 2})
		if err != nil {
			t.Fatal(err)
		}
		last, err := a.Last()
		a.Close()
		r := newRoom(t, path, Config{Window: time.Millisecond})
		if want := min(2, round); err != nil || len(last) != want {
			t.Fatalf("round %d: %d messages and %v, want %d", round, len(last), err, want)
		}
		for i, m := range last {
			if want := fmt.Sprint("message ", round-len(last)+i); string(m.Wire.Text()) != want {
				t.Errorf("round %d: %q is the one of the last, want %q", round, m.Wire.Text(), want)
			}
		}
		r.say(alice, "alice", fmt.Sprint("message ", round), noon)
		r.finish()
	}
	for i, m := range read(t, path, Filter{}) {
		if m.Sequence != int64(i+1) {
			t.Errorf("message %d has the sequence %d", i, m.Sequence)
		}
	}
}

// The log gets the messages right before the next one, without a gap between their
// numbers.
func TestLastIsContiguous(t *testing.T) {
	for _, test := range []struct {
		removed string
		want    []int64
	}{
		{"sequence = 0", []int64{6, 7, 8, 9, 10}},
		{"sequence = 5", []int64{6, 7, 8, 9, 10}},
		{"sequence = 8", []int64{9, 10}},
		{"sequence = 10", nil},
		{"true", nil},
	} {
		path := newFile(t)
		serveOnce(t, path, 10)
		execute(t, path, "DELETE FROM message WHERE "+test.removed)
		a, err := openRoom(path, Config{}, RoomConfig{Kept: 5})
		if err != nil {
			t.Fatal(err)
		}
		last, err := a.Last()
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, m := range last {
			got = append(got, m.Sequence)
		}
		if !slices.Equal(got, test.want) || a.Next() != 11 {
			t.Errorf("without those of which %s: %v, and %d is next; want %v, and 11", test.removed, got, a.Next(), test.want)
		}
		a.Close()
	}
}

// With a window of 0 nobody receives a message that is not in the file. With
// another, the message is in the file when the window is over, even if no other
// follows.
func TestArchiveWindow(t *testing.T) {
	for _, window := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond} {
		t.Run(window.String(), func(t *testing.T) {
			r := newRoom(t, newFile(t), Config{Window: window})
			reader := openReader(t, r.path)
			seen := r.log.FollowLossless()
			defer seen.Close()
			entries := make([]broadcast.Entry, 10)
			for n := range 20 {
				r.say(alice, "alice", "hello", time.Now())
				if k, err := seen.Next(t.Context(), entries); k != 1 || err != nil {
					t.Fatal(k, err)
				}
				written := func() bool { return len(collect(t, reader, Filter{})) == n+1 }
				if window == 0 && !written() {
					t.Fatal("a message is received before it is written")
				}
				eventually(t, "the message is written", written)
			}
			r.finish()
			checkFile(t, r.path)
		})
	}
}

// More messages than fit into a batch are written in the order of the log, and
// before the log is closed.
func TestArchiveKeepsOrder(t *testing.T) {
	for _, window := range []time.Duration{0, time.Hour} {
		r := newRoom(t, newFile(t), Config{Window: window})
		const batches, each = 20, 500
		for b := range batches {
			for i := range each {
				r.add([]*broadcast.Sender{alice, bob}[i%2], "x", fmt.Sprint(b*each+i))
			}
			r.append(noon)
		}
		r.finish()
		all := read(t, r.path, Filter{})
		if len(all) != batches*each {
			t.Fatalf("%d messages were kept, want %d", len(all), batches*each)
		}
		for i, m := range all {
			if string(m.Wire.Text()) != fmt.Sprint(i) || m.Sequence != int64(i+1) {
				t.Fatalf("message %d is %q with the sequence %d", i, m.Wire.Text(), m.Sequence)
			}
		}
		checkFile(t, r.path)
	}
}

// Notices are not written, however many there are.
func TestArchiveIgnoresNotices(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	for i := range 5000 {
		r.log.Announce(&broadcast.Notice{Kind: broadcast.Joined, From: alice})
		if i%1000 == 0 {
			r.say(alice, "alice", "hello", noon)
		}
	}
	r.finish()
	if n := len(read(t, r.path, Filter{})); n != 5 {
		t.Errorf("%d messages were kept, want 5", n)
	}
}

// Old messages are removed while the archive runs, even if no new ones come.
func TestArchiveRetains(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond, Retain: time.Hour})
	reader := openReader(t, r.path)
	for range 3 * pruneBatch {
		r.add(alice, "alice", "old")
	}
	r.append(time.Now().Add(-2 * time.Hour))
	r.say(alice, "alice", "new", time.Now())
	r.finish()

	r = newRoom(t, r.path, Config{Window: time.Millisecond, Retain: time.Hour})
	eventually(t, "the old messages are removed", func() bool { return len(collect(t, reader, Filter{})) == 1 })
	r.say(alice, "alice", "newer", time.Now())
	r.finish()
	all := collect(t, reader, Filter{})
	if len(all) != 2 || all[0].Sequence != 3*pruneBatch+1 || all[1].Sequence != 3*pruneBatch+2 {
		t.Errorf("%v are left", all)
	}
	checkFile(t, r.path)
}
