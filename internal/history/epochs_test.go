package history

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// Without a history there is one epoch, which nobody can guess.
func TestNewEpochs(t *testing.T) {
	e, other := NewEpochs(), NewEpochs()
	if !e.Has(e.Current()) || e.Has(other.Current()) {
		t.Error("it does not know its own epochs, and no others")
	}
	if e.Current() == 0 || e.Current() == other.Current() {
		t.Errorf("the epochs are %x and %x", e.Current(), other.Current())
	}
	if got := e.Known(e.Current(), 7); got != 7 {
		t.Errorf("%d is known of the current epoch, want 7", got)
	}
	for _, epoch := range []uint64{0, other.Current()} {
		if got := e.Known(epoch, 7); got != 0 {
			t.Errorf("%d is known of epoch %x, want 0", got, epoch)
		}
	}
}

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

// A life is that of a room: its servers start, end and are killed, and its file is
// moved, removed, and replaced by backups.
type life struct {
	t         *rapid.T
	folder    string
	path      string
	archive   *opened          // nil if no server runs
	said      int              // how many messages there ever were
	room      map[int64]string // the messages by their numbers
	next      int64            // the number of the next one
	unwritten []broadcast.Entry
	clients   []returning
	epochs    map[uint64]bool // that are in the file
	backups   []backup
	exact     bool // nothing has happened to the file of a running server
}

// A returning client has messages, and will come back.
type returning struct {
	epoch  uint64
	number int64
	has    map[int64]string
}

type backup struct {
	path   string
	epochs map[uint64]bool
}

// start starts a server, and checks what it says of all clients.
func (l *life) start() {
	var err error
	if l.archive, err = openRoom(l.path, Config{}, RoomConfig{Kept: 5}); err != nil {
		l.t.Fatal(err)
	}
	if rapid.Bool().Draw(l.t, "its epoch can't be stored at first") {
		if err := l.archive.store.putEpochs(l.archive.Archive.lineage[:len(l.archive.Archive.lineage)-1]); err != nil {
			l.t.Fatal(err)
		}
		l.archive.Archive.recorded = false
	}
	l.next, l.room = int64(l.archive.Next()), make(map[int64]string)
	l.record()
	messages, err := l.archive.store.after(0)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range messages {
		if l.room[m.Sequence] = string(m.Wire.Text()); m.Sequence >= l.next {
			l.t.Fatalf("there is a message %d, and the next is %d", m.Sequence, l.next)
		}
	}
	for _, c := range l.clients {
		l.check(c)
	}
	last, err := l.archive.Last()
	if err != nil {
		l.t.Fatal(err)
	}
	for i, m := range last {
		if m.Sequence != l.next-int64(len(last)-i) {
			l.t.Fatalf("message %d is number %d of the %d before %d", m.Sequence, i, len(last), l.next)
		}
	}
}

// record records that the current epoch is in the file, if it is.
func (l *life) record() {
	if l.archive.Archive.recorded {
		l.epochs[l.archive.Epochs().Current()] = true
	}
}

// check checks that what a client is known to have is the same in the room.
func (l *life) check(c returning) {
	known := int64(l.archive.Epochs().Known(c.epoch, uint64(c.number)))
	if known > c.number || known >= l.next {
		l.t.Fatalf("a client has %d, and %d is known; the next is %d", c.number, known, l.next)
	}
	same := int64(0) // how many of the first messages are the same
	for n := int64(1); n <= c.number; n++ {
		here, isHere := l.room[n]
		has, hasIt := c.has[n]
		if isHere && hasIt && here != has && n <= known {
			l.t.Fatalf("message %d is %s, and the client that has %s is told that it knows it", n, here, has)
		}
		if isHere && here == has && same == n-1 {
			same = n
		}
	}
	if !l.epochs[c.epoch] {
		same = 0
	}
	if l.exact && known != same {
		l.t.Fatalf("%d is known of a client that has %d of the room's messages", known, same)
	}
}

func (l *life) publish() {
	for range rapid.IntRange(1, 4).Draw(l.t, "messages") {
		l.said++
		text := fmt.Sprint("message ", l.said)
		entry := broadcast.Entry{From: alice, Time: noon}
		copy(entry.Message[:], "alice")
		copy(entry.Message[wire.NameSize:], text)
		l.room[l.next] = text
		l.next++
		l.unwritten = append(l.unwritten, entry)
	}
}

func (l *life) write(messages int) {
	if messages == 0 {
		return
	}
	if err := l.archive.write(l.unwritten[:messages]); err != nil {
		l.t.Fatal(err)
	}
	l.unwritten = l.unwritten[messages:]
	l.record()
}

// receive adds a client that has all messages.
func (l *life) receive() {
	l.clients = append(l.clients, returning{l.archive.Epochs().Current(), l.next - 1, maps.Clone(l.room)})
}

func (l *life) kill() {
	l.unwritten = nil
	if err := l.archive.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.archive = nil
}

func (l *life) end() {
	l.write(len(l.unwritten))
	l.archive.store.seal()
	l.kill()
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
	l.write(rapid.IntRange(0, len(l.unwritten)).Draw(l.t, "written before"))
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

// Whatever happens to a server and its file, what a client is said to know when it
// comes back is the same in the room. If nothing has happened to the file of a
// running server, it is no less than that either.
func TestReturning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp("", "epochs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		l := &life{t: t, folder: folder, path: filepath.Join(folder, "chat.db"), epochs: make(map[uint64]bool), exact: true}
		defer func() {
			if l.archive != nil {
				l.archive.Close()
			}
		}()
		l.start()
		running := map[string]func(){
			"publish": l.publish,
			"write":   func() { l.write(rapid.IntRange(0, len(l.unwritten)).Draw(t, "written")) },
			"receive": l.receive,
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
			for _, name := range []string{"publish", "receive", "write", "start", "kill", "end", "back up", "restore", "move", "replace"} {
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
