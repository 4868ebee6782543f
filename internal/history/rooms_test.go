package history

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A building is an archive that runs, with rooms that come and go.
type building struct {
	t       rapid.TB
	path    string
	archive *Archive
	journal *journal
	logs    map[string]*broadcast.Log
	said    map[string][]string // in each room there ever was
	result  chan error
	ended   bool
}

func newBuilding(t rapid.TB, path string, c Config) *building {
	t.Helper()
	b := &building{t: t, path: path, journal: new(journal), said: make(map[string][]string)}
	b.start(c)
	return b
}

func (b *building) start(c Config) {
	b.t.Helper()
	b.prepare(c)
	b.run()
}

// prepare opens the archive, for rooms that are opened before it runs.
func (b *building) prepare(c Config) {
	b.t.Helper()
	c.Logger = slog.New(slog.NewTextHandler(b.journal, nil))
	var err error
	if b.archive, err = Open(b.path, c); err != nil {
		b.t.Fatal(err)
	}
	b.logs, b.result, b.ended = make(map[string]*broadcast.Log), make(chan error, 1), false
}

func (b *building) run() {
	go func() { b.result <- b.archive.Run(context.Background()) }()
}

// open opens a room.
func (b *building) open(name string, c RoomConfig) *Room {
	b.t.Helper()
	r, err := b.archive.Room(name, c)
	if err != nil {
		b.t.Fatal(err)
	}
	if want := uint64(len(b.said[name]) + 1); r.Next() != want {
		b.t.Fatalf("%d is next in %s, want %d", r.Next(), name, want)
	}
	log := broadcast.New(backlog, slack)
	log.SetFirst(r.Next())
	r.Follow(log)
	b.logs[name] = log
	return r
}

// say says some texts in a room.
func (b *building) say(name string, at time.Time, texts ...string) {
	b.t.Helper()
	log, batch := b.logs[name], broadcast.NewBatch(slack)
	for _, text := range texts {
		n := copy(batch.Free(), said(text)[0].Message[:])
		batch.Add(alice, n)
	}
	for deadline := time.Now().Add(testTimeout); log.Held(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the room remains held")
		}
	}
	log.Append(batch, at)
	log.Wake(nil)
	b.said[name] = append(b.said[name], texts...)
}

// end closes all rooms, and returns what Run returns.
func (b *building) end() error {
	if b.ended {
		return nil
	}
	b.ended = true
	b.archive.Finish()
	for _, log := range b.logs {
		log.Close()
	}
	err := <-b.result
	if err := b.archive.Close(); err != nil {
		b.t.Error(err)
	}
	return err
}

func (b *building) finish() {
	b.t.Helper()
	if err := b.end(); err != nil {
		b.t.Fatal(err)
	}
}

// check checks that the file has what was said, in each room with numbers without a gap.
func (b *building) check() {
	b.t.Helper()
	r, err := OpenReader(context.Background(), b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	all := 0
	for name, texts := range b.said {
		n := 0
		for m, err := range r.Messages(context.Background(), Filter{Room: name}) {
			if err != nil {
				b.t.Fatal(err)
			}
			if n++; n > len(texts) || m.Room != name || m.Number != int64(n) || string(m.Wire.Text()) != texts[n-1] {
				b.t.Fatalf("number %d of %s is number %d, %q in %s", n, name, m.Number, m.Wire.Text(), m.Room)
			}
		}
		if n != len(texts) {
			b.t.Fatalf("%s has %d messages, want %d", name, n, len(texts))
		}
		all += n
	}
	if n, err := r.Count(context.Background(), Filter{}); n != all || err != nil {
		b.t.Fatalf("the file has %d messages, %v; want %d", n, err, all)
	}
}

// Whatever is said in rooms that come and go, while servers start and end, is in the file:
// all of it, in its room, and in the order in which it was said.
func TestRoomsComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "rooms")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		config := Config{Window: rapid.SampledFrom([]time.Duration{0, time.Millisecond}).Draw(t, "window")}
		b := newBuilding(t, filepath.Join(folder, "chat.db"), config)
		defer b.end()
		names := []string{"main", "lounge", "kitchen", "attic"}
		said := 0
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "room")
			log := b.logs[name]
			switch step := rapid.IntRange(0, 9).Draw(t, "step"); {
			case step == 0:
				b.finish()
				b.check()
				b.start(config)
			case log == nil:
				b.open(name, RoomConfig{})
			case step == 1:
				log.Close() // what was said may not be written yet
				delete(b.logs, name)
			default:
				var texts []string
				for range rapid.IntRange(1, 300).Draw(t, "messages") {
					said++
					texts = append(texts, fmt.Sprint(said, " in ", name))
				}
				b.say(name, time.Now(), texts...)
			}
		}
		b.finish()
		b.check()
	})
}

// When a room has ended, the others go on, and it may come back.
func TestRoomEnds(t *testing.T) {
	b := newBuilding(t, newFile(t), Config{Window: time.Millisecond})
	defer b.end()
	b.open("lounge", RoomConfig{})
	b.open("kitchen", RoomConfig{})
	b.say("lounge", noon, "hello")
	b.logs["lounge"].Close()
	b.say("kitchen", noon, "hi")
	b.open("lounge", RoomConfig{})
	b.say("lounge", noon, "again")
	b.say("kitchen", noon, "there")
	b.finish()
	b.check()
	if _, err := b.archive.Room("lounge", RoomConfig{}); err == nil || !strings.Contains(err.Error(), "is not written any more") {
		t.Errorf("a room is opened when all is over: %v", err)
	}
}

// With a window of 0, a message is published when it is written, and no other room waits
// for it.
func TestGatesOfRooms(t *testing.T) {
	b := newBuilding(t, newFile(t), Config{})
	defer b.end()
	reader := openReader(t, b.path)
	for _, name := range []string{"lounge", "kitchen"} {
		b.open(name, RoomConfig{})
	}
	for i := range 20 {
		name := []string{"lounge", "kitchen"}[i%2]
		before := b.logs[name].Head()
		b.say(name, noon, fmt.Sprint(i))
		eventually(t, "it is published", func() bool { return b.logs[name].Head() > before })
		if n := len(collect(t, reader, Filter{})); n != i+1 {
			t.Fatalf("%d messages are written when %d are published", n, i+1)
		}
	}
	b.finish()
	b.check()
}

// A flood in one room does not keep another's message from being written: it is in the
// first batch.
func TestFloodOfAnother(t *testing.T) {
	a, err := Open(newFile(t), Config{Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer a.group.Close()
	logs := make(map[string]*broadcast.Log)
	for _, name := range []string{"flood", "talk", "idle"} {
		r, err := a.Room(name, RoomConfig{})
		if err != nil {
			t.Fatal(err)
		}
		logs[name] = broadcast.New(8<<20, slack)
		r.Follow(logs[name])
	}
	batch := broadcast.NewBatch(slack)
	for range 3 {
		for range batchSize {
			batch.Add(alice, wire.Size)
		}
		logs["flood"].Append(batch, noon)
	}
	batch.Add(bob, wire.Size)
	logs["talk"].Append(batch, noon)
	a.gather()
	if err := a.write(); err != nil {
		t.Fatal(err)
	}
	before := a.share.Load()
	a.written(a.newWatchdog(t.Context()))
	if got := a.rooms["talk"].last; got != 1 {
		t.Errorf("%d messages are in the first batch, want the one there is", got)
	}
	// From now on each room has half.
	if limit := int64(a.pace.limit(time.Hour)); before != int64(pace{firstPace}.limit(time.Hour)) || a.share.Load() != limit/2 {
		t.Errorf("a room's share was %d, and is %d, want half of %d", before, a.share.Load(), limit)
	}
}

// While the file can't be written, the messages of a room that is held are left out,
// and those of others wait. Their numbers are not used.
func TestOnlyTheHeldLeaveOut(t *testing.T) {
	path := newFile(t)
	b := newBuilding(t, path, Config{Window: time.Millisecond})
	defer b.end()
	b.open("flood", RoomConfig{})
	b.open("talk", RoomConfig{})
	b.say("flood", noon, "first")
	b.say("talk", noon, "first")
	eventually(t, "both are written", func() bool { return len(read(t, path, Filter{})) == 2 })
	execute(t, path, "CREATE TRIGGER refuse BEFORE INSERT ON message BEGIN SELECT raise(ABORT, 'refused'); END")
	b.say("talk", noon, "second", "third")
	eventually(t, "it fails", func() bool { return strings.Contains(b.journal.String(), "can't be written") })
	flood := make([]string, 1000)
	for i := range flood {
		flood[i] = fmt.Sprint("flood ", i)
	}
	for range 2 * backlog / wire.Size / len(flood) {
		b.say("flood", noon, flood...)
	}
	execute(t, path, "DROP TRIGGER refuse")
	eventually(t, "it is written again", func() bool { return strings.Contains(b.journal.String(), "is written again, but messages are missing") })
	b.say("flood", noon, "last")
	b.say("talk", noon, "last")
	b.finish()
	last := int64(0)
	for _, m := range read(t, path, Filter{Room: "flood"}) {
		if text := b.said["flood"][m.Number-1]; string(m.Wire.Text()) != text {
			t.Fatalf("number %d is %q, want %q", m.Number, m.Wire.Text(), text)
		}
		last = m.Number
	}
	if want := int64(len(b.said["flood"])); last != want {
		t.Errorf("the last in the room that was held is number %d, want %d", last, want)
	}
	var talk []string
	for i, m := range read(t, path, Filter{Room: "talk"}) {
		if talk = append(talk, string(m.Wire.Text())); m.Number != int64(i+1) {
			t.Errorf("number %d of the other room is number %d", i+1, m.Number)
		}
	}
	if want := []string{"first", "second", "third", "last"}; !slices.Equal(talk, want) {
		t.Errorf("the other room has %q, want %q", talk, want)
	}
	checkFile(t, path)
}

// Each room keeps its messages for its time; those that are not open keep them for the
// archive's.
func TestRetainOfRooms(t *testing.T) {
	path := newFile(t)
	b := newBuilding(t, path, Config{Window: time.Millisecond})
	defer b.end()
	names := []string{"main", "closed", "longer", "shorter", "for good"}
	for _, name := range names {
		b.open(name, RoomConfig{})
		for _, age := range []time.Duration{100 * time.Hour, 3 * time.Hour, time.Hour / 2} {
			b.say(name, time.Now().Add(-age), age.String())
		}
	}
	b.finish()
	b.prepare(Config{Window: time.Millisecond, Retain: 2 * time.Hour})
	for name, retain := range map[string]time.Duration{"main": 0, "longer": 10 * time.Hour, "shorter": time.Hour, "for good": -1} {
		b.open(name, RoomConfig{Retain: retain})
	}
	b.run()
	reader := openReader(t, path)
	expect := func(want map[string]int) {
		t.Helper()
		for _, name := range names {
			eventually(t, fmt.Sprint(name, " has ", want[name]), func() bool {
				n, err := reader.Count(t.Context(), Filter{Room: name})
				return err == nil && n == want[name]
			})
		}
	}
	expect(map[string]int{"main": 1, "closed": 1, "longer": 2, "shorter": 1, "for good": 3})
	if err := b.archive.rooms["longer"].Change(RoomConfig{}); err != nil {
		t.Fatal(err)
	}
	if err := b.archive.rooms["for good"].Change(RoomConfig{Retain: 10 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	expect(map[string]int{"main": 1, "closed": 1, "longer": 1, "shorter": 1, "for good": 2})
	b.finish()
	checkFile(t, path)
}

// Idle rooms cost next to nothing: memory, and time when the file is inspected.
func TestIdleRooms(t *testing.T) {
	const rooms, most = 10_000, 1024
	a, err := Open(newFile(t), Config{Window: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer a.group.Close()
	logs := make([]*broadcast.Log, rooms)
	for i := range logs {
		logs[i] = broadcast.New(backlog, slack)
	}
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, began := used(), time.Now()
	for i, log := range logs {
		r, err := a.Room(fmt.Sprint("room ", i), RoomConfig{Kept: 512})
		if err == nil {
			_, err = r.Last()
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Follow(log)
	}
	opened := time.Since(began)
	each := (used() - before) / rooms
	began = time.Now()
	if err := a.maintain(t.Context(), true, false); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes each, opened in %v each; inspecting the file takes %v", each, opened/rooms, time.Since(began))
	if each > most {
		t.Errorf("a room takes %d bytes, want %d at most", each, most)
	}
}

// The numbers of messages that could not be written are not used again, also if the room is
// closed and comes back. In a file with one room, sequences remain the numbers.
func TestMissingNumbers(t *testing.T) {
	path := newFile(t)
	a := openRooms(t, path, "main")
	a.rooms["main"].missing = 5
	again, err := a.Room("main", RoomConfig{Kept: 9})
	if err != nil {
		t.Fatal(err)
	}
	if last, err := again.Last(); again.Next() != 6 || len(last) > 0 || err != nil {
		t.Errorf("%d is next, behind %d messages, %v; want 6", again.Next(), len(last), err)
	}
	if err := a.writeTo(again, said("after the gap")); err != nil {
		t.Fatal(err)
	}
	if all := read(t, path, Filter{}); len(all) != 1 || all[0].Number != 6 || all[0].Sequence != 6 {
		t.Errorf("%v", all)
	}
}

// In a file that takes the place of another with more rooms, sequences are ahead of the
// numbers of the only room that is written to there.
func TestNumbersInReplacement(t *testing.T) {
	path := newFile(t)
	a := openRooms(t, path, "main", "closed")
	if err := a.writeTo(a.rooms["closed"], said("one", "two", "three")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openRooms(t, path, "main")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := a.inspect(); err != nil {
		t.Fatal(err)
	}
	if err := a.writeTo(a.rooms["main"], said("four", "five")); err != nil {
		t.Fatal(err)
	}
	if all := read(t, path, Filter{Room: "main", After: 1}); len(all) != 1 || all[0].Number != 2 || all[0].Sequence != 5 {
		t.Errorf("after number 1 there is %v", all)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openRooms(t, path, "main")
	if got := a.rooms["main"].Next(); got != 3 {
		t.Errorf("the next number is %d, want 3", got)
	}
}
