package broadcast

import (
	"encoding/binary"
	"fmt"

	"sop-chat/internal/wire"
)

// Restore makes a new log, which nobody follows yet, the one that was saved. senders are
// those of the table, the first of which is nil, and piece returns a piece of the file in
// memory, or nil if there is none with that number. If the value is invalid, an error is
// returned, and the log may not be used.
//
// What the log is to retain stays as it was saved, until Retain is called. Its followers
// keep what they have yet to read until they are followed again: a follower that is added
// to a group of the same name begins where the one before was. DropFollowers drops those
// that nobody came for.
func (l *Log) Restore(s *SavedLog, senders []*Sender, piece func(number int) []byte) error {
	if err := s.Check(senders); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end.Load() != 0 || len(*l.readers.Load()) > 0 || l.noticeNo.Load() > 0 {
		panic("broadcast: only a new log can be restored")
	}
	if err := l.restoreSegments(s, senders, piece); err != nil {
		return fmt.Errorf("the saved log is invalid: %w", err)
	}
	if s.Packed != nil {
		l.packed = s.Packed.restore(senders)
	}
	l.first, l.kept, l.replayed, l.forgotten, l.keepFrom = s.First, s.Kept, s.Replayed, s.Forgotten, s.KeepFrom
	l.end.Store(s.End)
	l.head.Store(s.Head)
	l.noticeNo.Store(s.NoticeNo)
	for i := range s.Notices {
		number := s.NoticeNo - uint64(len(s.Notices)-i)
		l.notices.put(number, s.Notices[i].restore(senders), uint64(i))
	}
	for i := range s.Followers {
		l.restoreFollower(&s.Followers[i], senders)
	}
	l.forgotten = max(l.forgotten, uint64(l.begin())) // nothing before it is there, whatever Kept says
	l.pressed.Store(s.Pressed || s.Held)
	l.held.Store(s.Held)
	l.measure()
	return nil
}

// restoreSegments restores the ring. The caller holds l.mu.
func (l *Log) restoreSegments(s *SavedLog, senders []*Sender, piece func(int) []byte) error {
	l.firstLive = s.From / SegmentSize
	l.nextLive = l.firstLive
	if len(s.Pieces) == 0 {
		return nil
	}
	if n := uint64(len(s.Pieces)); n > l.backlog/SegmentSize { // which may have been greater
		l.most += n
	}
	l.growRing(uint64(len(s.Pieces)))
	rest, index := s.Messages, 0
	for _, saved := range s.Pieces {
		number := l.nextLive
		begin, end := max(s.From, number*SegmentSize), min(s.End, (number+1)*SegmentSize)
		var seg *segment
		if saved.Number >= 0 {
			data := piece(saved.Number)
			if len(data) != SegmentSize {
				return fmt.Errorf("there is no piece %d of the memory", saved.Number)
			}
			seg = newSegment(data)
		} else {
			seg = newSegment(l.memory.Take(l.taken))
			rest = rest[copy(seg.data[begin%SegmentSize:], rest[:end-begin]):]
		}
		l.taken = seg.data
		seg.lent.Store(saved.Lent)
		for ; begin < end; begin += wire.Size {
			seg.put(begin%SegmentSize/wire.Size, senders[savedIndex(s.Senders, index)], savedAt(s.Times, index))
			index++
		}
		*l.place(number) = seg
		l.nextLive++
	}
	l.use()
	return nil
}

func (s *SavedPacked) restore(senders []*Sender) *packed {
	k := &packed{from: Position(s.From), to: Position(s.To), data: append([]byte(nil), s.Messages...)}
	for i := range len(s.Times) / savedTime {
		k.senders = append(k.senders, senders[savedIndex(s.Senders, i)])
		k.at = append(k.at, savedAt(s.Times, i))
	}
	return k
}

func savedIndex(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i*savedSender:]) }
func savedAt(b []byte, i int) int64     { return int64(binary.LittleEndian.Uint64(b[i*savedTime:])) }

// restoreFollower adds a follower that waits for its group. The caller holds l.mu.
func (l *Log) restoreFollower(s *SavedFollower, senders []*Sender) {
	f := &Follower{group: NewGroup().Named(s.Group), maySkip: s.MaySkip, isAhead: s.IsAhead}
	f.cursor.log, f.cursor.follower = l, f
	f.cursor.at.Store(s.Cursor)
	f.next, f.nextNotice, f.missed = Position(s.Next), s.NextNotice, s.Missed
	for i := range s.Pending {
		f.pending = append(f.pending, s.Pending[i].restore(senders))
	}
	if s.Limit > 0 {
		own := watermarksFor(min(s.Limit, l.backlog))
		if s.HoldsOnly {
			own = holdOnly(l.backlog)
		}
		f.own.Store(&own)
	}
	if f.isAhead {
		l.gate.Store(f)
	}
	l.addReader(&f.cursor)
	l.waiting = append(l.waiting, f)
}

// claim returns the follower that waits for a group with the name of g, and is added to
// that; nil if there is none.
func (l *Log) claim(g *Group, as *Follower) *Follower {
	if g.name == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.waiting {
		if f.group.name != g.name {
			continue
		}
		l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
		f.group, f.owner, f.maySkip = g, as.owner, as.maySkip
		f.queued.Store(false)
		if f.isAhead != as.isAhead {
			l.changeGate(f, as.isAhead)
		}
		return f
	}
	return nil
}

// changeGate makes a follower a gate, or no gate any more. The caller holds l.mu.
func (l *Log) changeGate(f *Follower, isAhead bool) {
	f.isAhead = isAhead
	if isAhead {
		if !l.gate.CompareAndSwap(nil, f) {
			panic("broadcast: a log has one gate")
		}
		return
	}
	l.gate.CompareAndSwap(f, nil)
	l.head.Store(l.end.Load())
}

// DropFollowers drops the followers that were restored and not followed again.
func (l *Log) DropFollowers() {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, f := range waiting {
		f.Close()
	}
}

// JoinAt adds a reader like Join, at a position that was that of a reader before the log
// was saved. It returns an error if the log does not keep what follows it.
func (l *Log) JoinAt(p Position, wake func()) (*Cursor, error) {
	c := &Cursor{log: l, wake: wake}
	l.mu.Lock()
	defer l.mu.Unlock()
	if begin := l.begin(); p < begin || p > l.Head() {
		return nil, fmt.Errorf("position %d is not in the log, which has %d to %d", p, begin, l.Head())
	}
	if l.packed != nil && p < l.packed.to {
		if from := l.unpack(); p < from {
			return nil, fmt.Errorf("position %d is not retained, and %d is", p, from)
		}
	}
	c.at.Store(uint64(p))
	l.addReader(c)
	l.measure()
	return c, nil
}

// begin returns where what the log has begins. The caller holds l.mu.
func (l *Log) begin() Position {
	if l.packed != nil {
		return l.packed.from
	}
	if l.firstLive == l.nextLive {
		return l.End()
	}
	seg, begin := *l.place(l.firstLive), Position(l.firstLive*SegmentSize)
	for begin < l.End() && begin/SegmentSize == Position(l.firstLive) && seg.from[begin%SegmentSize/wire.Size] == nil {
		begin += wire.Size
	}
	return begin
}

// addReader adds a cursor. The caller holds l.mu.
func (l *Log) addReader(c *Cursor) {
	readers := append([]*Cursor(nil), *l.readers.Load()...)
	readers = append(readers, c)
	l.readers.Store(&readers)
}

// Check returns an error if the value is invalid, see Log.Restore. It takes no memory.
func (s *SavedLog) Check(senders []*Sender) error {
	if err := s.check(senders); err != nil {
		return fmt.Errorf("the saved log is invalid: %w", err)
	}
	return nil
}

// Begin returns the position of the first message that the log has.
func (s *SavedLog) Begin() uint64 {
	if s.Packed != nil {
		return s.Packed.From
	}
	return s.From
}

func (s *SavedLog) check(senders []*Sender) error {
	for what, p := range map[string]uint64{"head": s.Head, "end": s.End, "beginning": s.From} {
		if p%wire.Size != 0 {
			return fmt.Errorf("its %s is at %d, inside a message", what, p)
		}
	}
	switch {
	case s.From > s.End || s.Head > s.End || s.End > 1<<62:
		return fmt.Errorf("it has %d to %d, with the head at %d", s.From, s.End, s.Head)
	case s.Kept%wire.Size+s.Replayed%wire.Size+s.Forgotten%wire.Size != 0 || s.Replayed > s.Kept:
		return fmt.Errorf("it retains and replays %d and %d of the bytes before its head, and forgets all before %d", s.Kept, s.Replayed, s.Forgotten)
	case s.First > 1<<62:
		return fmt.Errorf("its first number is %d", s.First)
	}
	if err := s.checkSegments(senders); err != nil {
		return err
	}
	if k := s.Packed; k != nil {
		if k.To != s.From {
			return fmt.Errorf("what is packed ends at %d, and the rest begins at %d", k.To, s.From)
		}
		if err := k.check(senders); err != nil {
			return err
		}
	}
	begin := s.Begin()
	if s.Head < begin {
		return fmt.Errorf("its head is at %d, and it begins at %d", s.Head, begin)
	}
	if s.NoticeNo > 1<<62 || uint64(len(s.Notices)) > min(s.NoticeNo, noticesKept) {
		return fmt.Errorf("it has %d of %d notices", len(s.Notices), s.NoticeNo)
	}
	if err := checkNotices(s.Notices, senders, s.End); err != nil {
		return err
	}
	return s.checkFollowers(senders, begin)
}

func (s *SavedLog) checkSegments(senders []*Sender) error {
	first := s.From / SegmentSize
	want := uint64(0)
	if s.End > s.From {
		want = (s.End-1)/SegmentSize + 1 - first
	}
	if have := uint64(len(s.Pieces)); have != want && !(want == 0 && have == 1) {
		return fmt.Errorf("it has %d segments from %d to %d", have, s.From, s.End)
	}
	inMessages := uint64(0)
	seen := make(map[int]bool)
	for i, p := range s.Pieces {
		begin, end := max(s.From, (first+uint64(i))*SegmentSize), min(s.End, (first+uint64(i)+1)*SegmentSize)
		switch {
		case p.Number == -1:
			inMessages += end - begin
		case p.Number < 0 || seen[p.Number]:
			return fmt.Errorf("a segment is in piece %d", p.Number)
		default:
			seen[p.Number] = true
		}
	}
	if uint64(len(s.Messages)) != inMessages {
		return fmt.Errorf("the size of its messages is %d, and its segments need %d", len(s.Messages), inMessages)
	}
	return checkMessages(s.Senders, s.Times, (s.End-s.From)/wire.Size, senders)
}

// checkMessages checks the senders and times of that many messages.
func checkMessages(of, times []byte, messages uint64, senders []*Sender) error {
	if uint64(len(of))/savedSender != messages || len(of)%savedSender != 0 || uint64(len(times))/savedTime != messages || len(times)%savedTime != 0 {
		return fmt.Errorf("for %d of its messages, the sizes of senders and times are %d and %d", messages, len(of), len(times))
	}
	for i := range len(of) / savedSender {
		if at := savedIndex(of, i); at == 0 || uint64(at) >= uint64(len(senders)) {
			return fmt.Errorf("a message is of sender %d of %d", at, len(senders)-1)
		}
	}
	return nil
}

func (s *SavedPacked) check(senders []*Sender) error {
	if s.From >= s.To || s.From%wire.Size != 0 {
		return fmt.Errorf("what is packed is from %d to %d", s.From, s.To)
	}
	messages := (s.To - s.From) / wire.Size
	if err := checkMessages(s.Senders, s.Times, messages, senders); err != nil {
		return err
	}
	rest := s.Messages
	for range messages {
		if len(rest) < lengthsSize || int(rest[0]) > wire.NameSize || int(rest[1])+int(rest[2])<<8 > wire.TextSize || len(rest) < packedSize(rest) {
			return fmt.Errorf("what is packed is damaged, at byte %d from its end", len(rest))
		}
		rest = rest[packedSize(rest):]
	}
	if len(rest) > 0 {
		return fmt.Errorf("what follows what is packed has size %d", len(rest))
	}
	return nil
}

func (s *SavedLog) checkFollowers(senders []*Sender, begin uint64) error {
	gates := 0
	oldest := s.NoticeNo - uint64(len(s.Notices))
	for i := range s.Followers {
		f := &s.Followers[i]
		if f.IsAhead {
			gates++
		}
		most := s.Head
		if f.IsAhead {
			most = s.End
		}
		switch {
		case f.Group == "" || gates > 1:
			return fmt.Errorf("it has a follower of group %q, and %d gates", f.Group, gates)
		case f.Cursor < begin || f.Cursor > most || f.Cursor%wire.Size != 0 || f.Next > f.Cursor || f.Next%wire.Size != 0:
			return fmt.Errorf("its follower %q is at %d, and has returned all before %d", f.Group, f.Cursor, f.Next)
		case f.NextNotice > s.NoticeNo || f.NextNotice < oldest && len(s.Notices) < noticesKept:
			return fmt.Errorf("its follower %q is at notice %d, and it has %d to %d", f.Group, f.NextNotice, oldest, s.NoticeNo)
		}
		if err := checkNotices(f.Pending, senders, s.End); err != nil {
			return err
		}
	}
	if gates == 0 && s.Head != s.End {
		return fmt.Errorf("its head is at %d, its end at %d, and it has no gate", s.Head, s.End)
	}
	return nil
}

func checkNotices(all []SavedNotice, senders []*Sender, end uint64) error {
	last := uint64(0)
	for i := range all {
		n := &all[i]
		isOfClient := n.Kind >= Accepted && n.Kind <= Left
		if isOfClient != (n.From != 0) || uint64(n.From) >= uint64(len(senders)) || n.At > end || n.At < last || n.Kind < Accepted || n.Kind > Resumed {
			return fmt.Errorf("notice %d is of kind %d, about sender %d, at %d", i, n.Kind, n.From, n.At)
		}
		last = n.At
	}
	return nil
}
