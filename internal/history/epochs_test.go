package history

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
)

// What is known of an epoch ends where any later one begins.
func TestKnown(t *testing.T) {
	e := Epochs{newStarts([]uint64{1, 2, 3, 4, 1 << 63}), []placed{{0, 1}, {2, 11}, {3, 21}, {4, 31}}}
	for _, test := range []struct{ epoch, number, want uint64 }{
		{1, 0, 0},
		{1, 9, 9},
		{1, 10, 10},
		{1, 12, 10},
		{2, 9, 9},
		{2, 15, 10},
		{3, 20, 20},
		{3, 1 << 63, 20},
		{4, 29, 29},
		{4, 31, 30},
		{1 << 63, 5, 5},
		{1 << 63, 1 << 40, 1 << 40},
		{5, 10, 0},
	} {
		if got := e.Known(test.epoch, test.number); got != test.want {
			t.Errorf("up to %d in epoch %d: %d is known, want %d", test.number, test.epoch, got, test.want)
		}
	}
}

// A life is that of a file with several rooms: its servers start, with some of the rooms,
// end and are killed, rooms come and go, and the file is moved, removed, and replaced by
// backups.
type life struct {
	t       *rapid.T
	folder  string
	path    string
	archive *Archive // nil if no server runs
	said    int      // how many messages there ever were
	names   []string
	rooms   map[string]*lived // those that are open
	clients []returning
	epochs  map[uint64]bool // that are in the file
	backups []backup
	exact   bool // nothing has happened to the file of a running server
}

// A lived room is one that is open.
type lived struct {
	*Room
	has       map[int64]string // the messages by their numbers
	next      int64            // the number of the next one
	unwritten []broadcast.Entry
}

// A returning client has messages of a room, and will come back.
type returning struct {
	room   string
	epoch  uint64
	number int64
	has    map[int64]string
}

type backup struct {
	path   string
	epochs map[uint64]bool
}

// start starts a server with some of the rooms.
func (l *life) start() {
	var err error
	if l.archive, err = Open(l.path, Config{}); err != nil {
		l.t.Fatal(err)
	}
	if rapid.Bool().Draw(l.t, "its epoch can't be stored at first") {
		if err := l.archive.store.putEpochs(l.archive.lineage[:len(l.archive.lineage)-1]); err != nil {
			l.t.Fatal(err)
		}
		l.archive.recorded = false
	}
	l.record()
	l.rooms = make(map[string]*lived)
	for _, name := range l.names {
		if len(l.names) == 1 || rapid.Bool().Draw(l.t, "has "+name) {
			l.open(name)
		}
	}
}

// open opens a room, and checks what it says of all clients.
func (l *life) open(name string) {
	opened, err := l.archive.Room(name, RoomConfig{Kept: 5})
	if err != nil {
		l.t.Fatal(err)
	}
	r := &lived{Room: opened, has: make(map[int64]string), next: int64(opened.Next())}
	messages, err := l.archive.store.after(0)
	if err != nil {
		l.t.Fatal(err)
	}
	l.rooms[name] = r
	for _, m := range messages {
		if m.Room != name {
			continue
		}
		if r.has[m.Number] = string(m.Wire.Text()); m.Number >= r.next || !strings.HasSuffix(r.has[m.Number], " in "+name) {
			l.t.Fatalf("there is message %d, %q, in %s, and the next is %d", m.Number, r.has[m.Number], name, r.next)
		}
		if len(l.names) == 1 && m.Number != m.Sequence {
			l.t.Fatalf("message %d of the only room has the sequence %d", m.Number, m.Sequence)
		}
	}
	if l.exact && int64(len(r.has)) != r.next-1 {
		l.t.Fatalf("there are %d messages in %s, and the next is %d", len(r.has), name, r.next)
	}
	for _, c := range l.clients {
		if c.room == name {
			l.check(r, c)
		}
	}
	last, err := r.Last()
	if err != nil {
		l.t.Fatal(err)
	}
	for i, m := range last {
		if m.Number != r.next-int64(len(last)-i) || m.Room != name {
			l.t.Fatalf("message %d of %s is number %d of the %d before %d in %s", m.Number, m.Room, i, len(last), r.next, name)
		}
	}
}

// record records that the current epoch is in the file, if it is.
func (l *life) record() {
	if l.archive.recorded {
		l.epochs[l.archive.starts.current()] = true
	}
}

// check checks that what a client is known to have is the same in the room.
func (l *life) check(r *lived, c returning) {
	known := int64(r.Epochs().Known(c.epoch, uint64(c.number)))
	if known > c.number || known >= r.next {
		l.t.Fatalf("a client has %d, and %d is known; the next is %d", c.number, known, r.next)
	}
	same := int64(0) // how many of the first messages are the same
	for n := int64(1); n <= c.number; n++ {
		here, isHere := r.has[n]
		has, hasIt := c.has[n]
		if isHere && hasIt && here != has && n <= known {
			l.t.Fatalf("message %d is %s, and the client that has %s is told that it knows it", n, here, has)
		}
		if isHere && here == has && same == n-1 {
			same = n
		}
	}
	if !l.epochs[c.epoch] && c.epoch != l.archive.starts.current() {
		same = 0
	}
	if l.exact && known != same {
		l.t.Fatalf("%d is known of a client that has %d of the room's messages", known, same)
	}
}

// publish says something in a room.
func (l *life) publish(r *lived) {
	for range rapid.IntRange(1, 4).Draw(l.t, "messages") {
		l.said++
		text := fmt.Sprint("message ", l.said, " in ", r.name)
		r.has[r.next] = text
		r.next++
		r.unwritten = append(r.unwritten, said(text)...)
	}
}

// write writes some of what was said in each room, or all of it, in turns.
func (l *life) write(all bool) {
	b := &l.archive.batch
	b.clear()
	for _, name := range l.names {
		r := l.rooms[name]
		if r == nil {
			continue
		}
		n := len(r.unwritten)
		if !all {
			n = rapid.IntRange(0, n).Draw(l.t, "written")
		}
		turn := rapid.IntRange(0, n).Draw(l.t, "in its first turn")
		for _, entries := range [][]broadcast.Entry{r.unwritten[:turn], r.unwritten[turn:n]} {
			if len(entries) > 0 {
				b.add(r.Room, b.free(copy(b.free(batchSize), entries)))
			}
		}
		r.unwritten = r.unwritten[n:]
	}
	if b.isEmpty() {
		return
	}
	if err := l.archive.write(); err != nil {
		l.t.Fatal(err)
	}
	l.record()
}

// receive adds a client that has all messages of a room.
func (l *life) receive(r *lived) {
	l.clients = append(l.clients, returning{r.name, r.Epochs().Current(), r.next - 1, maps.Clone(r.has)})
}

func (l *life) kill() {
	if err := l.archive.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.archive, l.rooms = nil, nil
}

func (l *life) end() {
	l.write(true)
	l.archive.store.seal()
	l.kill()
}

// upgrade has another archive go on in the file, in the same start, with the rooms that are
// open. It knows the same of all clients. There is none while the file is not at its path,
// see Flush.
func (l *life) upgrade() {
	l.write(true)
	if l.archive.detached {
		return
	}
	former, rooms := l.archive.Former(), l.rooms
	l.kill()
	var err error
	if l.archive, err = Open(l.path, Config{Former: former}); err != nil {
		l.t.Fatal(err)
	}
	l.record()
	l.rooms = make(map[string]*lived)
	for name, before := range rooms {
		r, err := l.archive.Room(name, RoomConfig{Kept: 5})
		if err != nil {
			l.t.Fatal(err)
		}
		log := broadcast.New(1<<20, 1<<20)
		log.SetFirst(uint64(before.next))
		if err := r.Continue(log); err != nil {
			l.t.Fatal(err)
		}
		if r.Epochs().Current() != before.Epochs().Current() || int64(r.Next()) != before.next {
			l.t.Fatalf("%s goes on in epoch %x with %d, want %x and %d", name, r.Epochs().Current(), r.Next(), before.Epochs().Current(), before.next)
		}
		l.rooms[name] = &lived{Room: r, has: before.has, next: before.next}
		for _, c := range l.clients {
			if now, then := r.Epochs().Known(c.epoch, uint64(c.number)), before.Epochs().Known(c.epoch, uint64(c.number)); c.room == name && now != then {
				l.t.Fatalf("of a client that has %d in epoch %x, %d is known, and %d was", c.number, c.epoch, now, then)
			}
		}
	}
}

// change closes a room, after all that was said there is written, or opens one.
func (l *life) change() {
	name := rapid.SampledFrom(l.names).Draw(l.t, "changed")
	if l.rooms[name] == nil {
		l.open(name)
		return
	}
	l.write(true)
	if r := l.rooms[name]; r.follower != nil { // as Run does, which does not run here
		l.archive.end(r.Room)
	}
	delete(l.rooms, name)
}

func (l *life) copy(from, to string) {
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) backUp() {
	if l.archive != nil {
		l.archive.checkpoint()
	}
	b := backup{filepath.Join(l.folder, fmt.Sprint("backup", len(l.backups))), maps.Clone(l.epochs)}
	l.copy(l.path, b.path)
	l.backups = append(l.backups, b)
}

// restore puts a backup to the path.
func (l *life) restore() {
	b := rapid.SampledFrom(l.backups).Draw(l.t, "backup")
	l.copy(b.path, l.path)
	l.epochs = maps.Clone(b.epochs)
}

// replace moves or removes the file of a running server, and may put a backup
// there.
func (l *life) replace() {
	l.exact = false
	l.write(false)
	err := os.Remove(l.path)
	if len(l.backups) > 0 && rapid.Bool().Draw(l.t, "by a backup") {
		l.restore()
	}
	if err == nil {
		err = l.archive.inspect()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) move() {
	err := os.Rename(l.path, filepath.Join(l.folder, fmt.Sprint("moved", l.said, time.Now().UnixNano())))
	if err != nil {
		l.t.Fatal(err)
	}
	l.copy(os.DevNull, l.path)
	l.replace()
}

// inRoom returns a step in one of the rooms that are open, if there is one.
func (l *life) inRoom(do func(*lived)) func() {
	return func() {
		if open := slices.Sorted(maps.Keys(l.rooms)); len(open) > 0 {
			do(l.rooms[rapid.SampledFrom(open).Draw(l.t, "room")])
		}
	}
}

// Whatever happens to a server and its file, what a client is said to know when it
// comes back is the same in the room. If nothing has happened to the file of a
// running server, it is no less than that either, and the numbers of each room have no
// gap. Nothing gets from one room into another.
func TestReturning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "epochs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		names := []string{"main", "lounge", "a [room] = \"b\""}[:rapid.IntRange(1, 3).Draw(t, "rooms")]
		l := &life{t: t, folder: folder, path: filepath.Join(folder, "chat.db"), names: names, epochs: make(map[uint64]bool), exact: true}
		defer func() {
			if l.archive != nil {
				l.archive.Close()
			}
		}()
		l.start()
		running := map[string]func(){
			"publish": l.inRoom(l.publish),
			"write":   func() { l.write(false) },
			"receive": l.inRoom(l.receive),
			"change":  l.change,
			"upgrade": l.upgrade,
			"kill":    l.kill,
			"end":     l.end,
			"back up": l.backUp,
		}
		if rapid.Bool().Draw(t, "its file is replaced while a server runs") {
			running["replace"], running["move"] = l.replace, l.move
		}
		ended := map[string]func(){"start": l.start, "restore": l.restore, "back up": l.backUp}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			can := running
			if l.archive == nil {
				can = ended
			}
			names := make([]string, 0, len(can))
			for _, name := range []string{"publish", "receive", "write", "change", "upgrade", "start", "kill", "end", "back up", "restore", "move", "replace"} {
				if can[name] != nil && (name != "restore" || len(l.backups) > 0) {
					names = append(names, name)
				}
			}
			can[rapid.SampledFrom(names).Draw(t, "step")]()
		}
		if l.archive == nil {
			l.start()
		}
	})
}
