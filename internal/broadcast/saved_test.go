package broadcast

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// HandOver saves the log, as another process would read it, and goes on with one that is
// restored from that. Some of its segments pass in the file in memory, and others as bytes.
func (m *machine) HandOver(t *rapid.T) {
	isFile := rapid.Bool().Draw(t, "the memory is a file")
	var file [][]byte
	piece := func(data []byte) (int, bool) {
		file = append(file, data)
		return len(file) - 1, isFile
	}
	var table SenderTable
	saved := readAgain(t, m.log.Save(&table, piece))
	senders := []*Sender{nil}
	for i := range table.Saved {
		s := table.Saved[i].Sender()
		senders = append(senders, map[uint64]*Sender{1: alice, 2: bob, 3: carol}[s.ID])
		if s != *senders[i+1] {
			t.Fatalf("%v is saved as %v", *senders[i+1], s)
		}
	}
	former := m.log
	m.memory = &trackedMemory{t: t, taken: map[*byte]bool{}, lent: map[*byte]bool{}}
	if isFile {
		m.memory.taken, m.memory.lent = taken(file), maps.Clone(former.memory.(*trackedMemory).lent)
	}
	slack := len(m.mayAppend) * m.batch * wire.Size
	m.log = NewIn(m.memory, int(m.backlog), slack)
	if m.crowded {
		m.log.pool.inUse.Add(crowd)
	}
	if err := m.log.Restore(saved, senders, func(number int) []byte { return file[number] }); err != nil {
		t.Fatal(err)
	}
	m.segments = Segments(int(m.backlog), slack)
	if n := len(saved.Pieces); n > int(m.backlog)/SegmentSize { // the backlog may have been greater
		m.segments += n
	}
	m.log.Retain(former.Retained())
	m.isFlood, m.measured, m.counted = false, time.Unix(0, 0), 0 // that begins anew
	for _, l := range m.loops {
		l.cursor = m.joinAt(t, l.at, func() { l.woken++ })
	}
	for i, join := range m.joins {
		m.joins[i] = m.joinAt(t, join.Position(), func() {})
	}
	for _, f := range append(m.followers, m.gates()...) {
		f.follow(m.log)
	}
	if n := len(m.log.waiting); n > 0 {
		t.Fatalf("%d followers wait for their groups", n)
	}
}

func (m *machine) joinAt(t *rapid.T, p Position, wake func()) *Cursor {
	c, err := m.log.JoinAt(p, wake)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func taken(pieces [][]byte) map[*byte]bool {
	all := map[*byte]bool{}
	for _, p := range pieces {
		all[&p[0]] = true
	}
	return all
}

// readAgain returns a saved log as another process reads it.
func readAgain(t rapid.TB, s *SavedLog) *SavedLog {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again := new(SavedLog)
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	from, to := s.Bulk(), again.Bulk()
	if len(from) != len(to) {
		t.Fatalf("%d fields of bulk become %d", len(from), len(to))
	}
	for i := range from {
		*to[i] = bytes.Clone(*from[i])
	}
	return again
}

// savedExample returns a log with everything that can be in one, as it is saved.
func savedExample(t testing.TB) (*SavedLog, []*Sender) {
	t.Helper()
	l := New(32*SegmentSize, SegmentSize)
	l.Retain(200, 100)
	gate, other := NewGroup().Named("gate").FollowAhead(l, nil), NewGroup().Named("console").FollowSkipping(l, nil)
	entries := make([]Entry, 200)
	h := new(history)
	for range 50 {
		h.write(l, "abcab")
		for gate.Take(entries) > 0 {
			gate.Publish()
		}
		for other.Take(entries) > 0 {
		}
	}
	l.pool.Settle()
	l.pool.Settle()
	h.write(l, "ab")
	h.announce(l)
	h.announce(l)
	other.Take(entries[:1])
	gate.Take(entries[:1])
	gate.Publish()
	gate.Limit(SegmentSize)
	h.announce(l)
	h.announce(l)
	var table SenderTable
	s := readAgain(t, l.Save(&table, func([]byte) (int, bool) { return -1, false }))
	if s.Packed == nil || len(s.Pieces) != 1 || len(s.Notices) == 0 || s.Head == s.End || len(s.Followers) != 2 {
		t.Fatalf("the example lacks something: %d segments, %d notices, %d followers, head %d of %d", len(s.Pieces), len(s.Notices), len(s.Followers), s.Head, s.End)
	}
	return s, []*Sender{nil, alice, bob, carol}
}

func noPiece(int) []byte { return nil }

// A value that can't be a saved log's is refused with an error, whatever is wrong with it.
func TestRestoreRefuses(t *testing.T) {
	if s, senders := savedExample(t); New(32*SegmentSize, 0).Restore(s, senders, noPiece) != nil {
		t.Fatal("the example can't be restored")
	}
	for what, spoil := range map[string]func(s *SavedLog){
		"a head inside a message":     func(s *SavedLog) { s.Head++ },
		"a head behind the end":       func(s *SavedLog) { s.Head = s.End + wire.Size },
		"a head before the messages":  func(s *SavedLog) { s.Head = 0 },
		"a beginning behind the end":  func(s *SavedLog) { s.From = s.End + wire.Size },
		"an end too far":              func(s *SavedLog) { s.End += SegmentSize },
		"an end beyond all":           func(s *SavedLog) { s.End = 1<<64 - wire.Size },
		"a huge first number":         func(s *SavedLog) { s.First = 1 << 63 },
		"more replayed than kept":     func(s *SavedLog) { s.Replayed = s.Kept + wire.Size },
		"half a message kept":         func(s *SavedLog) { s.Kept++ },
		"no segment":                  func(s *SavedLog) { s.Pieces = nil },
		"a segment more":              func(s *SavedLog) { s.Pieces = append(s.Pieces, SavedPiece{Number: -1}) },
		"a piece that is not there":   func(s *SavedLog) { s.Pieces[0].Number, s.Messages = 7, nil },
		"a negative piece":            func(s *SavedLog) { s.Pieces[0].Number, s.Messages = -2, nil },
		"a message less":              func(s *SavedLog) { s.Messages = s.Messages[wire.Size:] },
		"a byte more":                 func(s *SavedLog) { s.Messages = append(s.Messages, 0) },
		"a sender less":               func(s *SavedLog) { s.Senders = s.Senders[savedSender:] },
		"no sender":                   func(s *SavedLog) { s.Senders[0] = 0 },
		"an unknown sender":           func(s *SavedLog) { s.Senders[0] = 9 },
		"a time less":                 func(s *SavedLog) { s.Times = s.Times[:len(s.Times)-1] },
		"a gap":                       func(s *SavedLog) { s.Packed.To -= wire.Size },
		"nothing packed":              func(s *SavedLog) { s.Packed.From = s.Packed.To },
		"packed inside a message":     func(s *SavedLog) { s.Packed.From++ },
		"packed that is cut":          func(s *SavedLog) { s.Packed.Messages = s.Packed.Messages[:9] },
		"packed and more":             func(s *SavedLog) { s.Packed.Messages = append(s.Packed.Messages, 0) },
		"a packed name too long":      func(s *SavedLog) { s.Packed.Messages[0] = 65 },
		"a packed text too long":      func(s *SavedLog) { s.Packed.Messages[2] = 2 },
		"a packed sender too few":     func(s *SavedLog) { s.Packed.Senders = nil },
		"more notices than ever":      func(s *SavedLog) { s.NoticeNo = 0 },
		"a notice of nobody":          func(s *SavedLog) { s.Notices[0].From = 0 },
		"a notice of somebody else":   func(s *SavedLog) { s.Notices[0].From = 4 },
		"a notice of no kind":         func(s *SavedLog) { s.Notices[0].Kind = 9 },
		"a notice behind the end":     func(s *SavedLog) { s.Notices[1].At = s.End + wire.Size },
		"notices in no order":         func(s *SavedLog) { s.Notices[0].At, s.Notices[1].At = wire.Size, 0 },
		"a follower without a group":  func(s *SavedLog) { s.Followers[0].Group = "" },
		"two gates":                   func(s *SavedLog) { s.Followers[1].IsAhead = true },
		"no gate":                     func(s *SavedLog) { s.Followers[0].IsAhead = false },
		"a follower too early":        func(s *SavedLog) { s.Followers[1].Cursor, s.Followers[1].Next = 0, 0 },
		"a follower too far":          func(s *SavedLog) { s.Followers[1].Cursor = s.End },
		"a follower before itself":    func(s *SavedLog) { s.Followers[1].Next = s.End },
		"a follower inside a message": func(s *SavedLog) { s.Followers[1].Next-- },
		"a notice that is not there":  func(s *SavedLog) { s.Followers[0].NextNotice = 0 },
		"notices that are not there":  func(s *SavedLog) { s.NoticeNo += 2 * noticesKept },
		"a pending notice of nobody":  func(s *SavedLog) { s.Followers[0].Pending = []SavedNotice{{Kind: Left}} },
		"a client's outage":           func(s *SavedLog) { s.Followers[0].Pending = []SavedNotice{{Kind: Waiting, From: 1}} },
	} {
		s, senders := savedExample(t)
		spoil(s)
		if err := New(32*SegmentSize, 0).Restore(s, senders, noPiece); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

// A follower whose kind has changed goes on where the one before was: a gate that is none
// any more publishes all, and one that was none publishes nothing again. Followers that
// nobody comes for keep nothing.
func TestFollowersOfAnotherKind(t *testing.T) {
	restored := func() *Log {
		s, senders := savedExample(t)
		l := New(32*SegmentSize, SegmentSize)
		if err := l.Restore(s, senders, noPiece); err != nil {
			t.Fatal(err)
		}
		return l
	}
	entries := make([]Entry, 16)

	l := restored()
	head, end := l.Head(), l.End()
	f := NewGroup().Named("gate").FollowLossless(l, nil)
	if l.Head() != end || head == end {
		t.Errorf("the head is at %d, want %d; it was at %d", l.Head(), end, head)
	}
	if n := f.Take(entries); n+f.Take(entries[n:]) != 5 || string(entries[0].Message[:8]) != string(messageAt(251)[:8]) {
		t.Errorf("it takes %d entries, want a message and four notices", n)
	}

	l = restored()
	l.waiting[0].group.name = "other" // whoever that was
	gate := NewGroup().Named("console").FollowAhead
	if !panics(func() { gate(l, nil) }) {
		t.Error("a log has two gates")
	}
	l = restored()
	l.DropFollowers()
	if n := len(*l.readers.Load()); n > 0 || l.Head() != end {
		t.Errorf("%d readers are left, and the head is at %d of %d", n, l.Head(), end)
	}
	if _, err := l.JoinAt(end+wire.Size, func() {}); err == nil {
		t.Error("a reader joins behind the end")
	}
	if _, err := l.JoinAt(0, func() {}); err == nil {
		t.Error("a reader joins at what was forgotten")
	}
}

func messageAt(number int) *wire.Message {
	m := stamped([]uint64{1, 2, 3, 1, 2}[number%5], number)
	return &m
}

// While followers are paused they take nothing, and afterwards all there is.
func TestPauseFollowers(t *testing.T) {
	l, h := New(SegmentSize, SegmentSize), new(history)
	f := NewGroup().Named("one").FollowLossless(l, nil)
	paused := PauseFollowers([]*Log{l, l})
	h.write(l, "abc")
	taken := make(chan int)
	go func() { taken <- f.Take(make([]Entry, 9)) }()
	select {
	case n := <-taken:
		t.Errorf("a paused follower takes %d entries", n)
	case <-time.After(20 * time.Millisecond):
	}
	paused.Resume()
	if n := <-taken; n != 3 {
		t.Errorf("it takes %d entries, want 3", n)
	}
}
