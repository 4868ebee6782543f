package broadcast

import (
	"encoding/binary"
	"net/netip"
	"time"

	"sop-chat/internal/wire"
)

// A SavedLog is a log as a value, from which another process can go on with it
// (Log.Restore): the same positions and numbers, the same messages with their senders and
// times, and its followers where they were.
//
//	packed              │ segments
//	[Packed.From, .To)  │ [From, End), from piece to piece
//
// The fields that are not in JSON are its bulk, see Bulk.
type SavedLog struct {
	First     uint64 `json:"first"`              // the number of the message at position 0
	Head      uint64 `json:"head"`               // positions
	End       uint64 `json:"end"`                //
	From      uint64 `json:"from"`               // where what is in segments begins
	Kept      uint64 `json:"kept,omitempty"`     // bytes, see Log.Retain
	Replayed  uint64 `json:"replayed,omitempty"` //
	Forgotten uint64 `json:"forgotten,omitempty"`
	KeepFrom  uint64 `json:"keep_from"`
	Pressed   bool   `json:"pressed,omitempty"`
	Held      bool   `json:"held,omitempty"`

	Pieces []SavedPiece `json:"pieces,omitempty"` // of the segments, in their order
	Packed *SavedPacked `json:"packed,omitempty"`

	NoticeNo  uint64          `json:"notice_no"`         // how many notices there ever were
	Notices   []SavedNotice   `json:"notices,omitempty"` // the last of them, which a follower has yet to take
	Followers []SavedFollower `json:"followers,omitempty"`

	Messages []byte `json:"-"` // of the segments that are not in a piece of a file, one after another
	Senders  []byte `json:"-"` // of each message in a segment, as in a SenderTable
	Times    []byte `json:"-"` // of each message in a segment
}

// A SavedPiece says where a segment lies.
type SavedPiece struct {
	Number int  `json:"n"` // of the piece of the file in memory; -1: the segment is among the messages
	Lent   bool `json:"lent,omitempty"`
}

// SavedPacked are the messages that are retained and in no segment.
type SavedPacked struct {
	From uint64 `json:"from"` // positions
	To   uint64 `json:"to"`

	Messages []byte `json:"-"` // packed
	Senders  []byte `json:"-"`
	Times    []byte `json:"-"`
}

// A SavedNotice is a Notice. Its sender is one of a SenderTable. What clients sent may be any
// bytes.
type SavedNotice struct {
	Kind   NoticeKind `json:"kind"`
	From   uint32     `json:"from"`
	Key    []byte     `json:"key,omitempty"`
	Label  []byte     `json:"label,omitempty"`
	Reason []byte     `json:"reason,omitempty"`
	Time   int64      `json:"time"` // in nanoseconds since 1970
	At     uint64     `json:"at"`
}

// A SavedFollower is where a follower of a named group is, see Group.Named.
type SavedFollower struct {
	Group      string        `json:"group"`
	MaySkip    bool          `json:"may_skip,omitempty"`
	IsAhead    bool          `json:"is_ahead,omitempty"`
	Cursor     uint64        `json:"cursor"`
	Next       uint64        `json:"next"`
	NextNotice uint64        `json:"next_notice"`
	Missed     uint64        `json:"missed,omitempty"`
	Pending    []SavedNotice `json:"pending,omitempty"`
	Limit      uint64        `json:"limit,omitempty"`      // in bytes, if it has one of its own, see Follower.Limit
	HoldsOnly  bool          `json:"holds_only,omitempty"` // or that is the backlog, and it presses no room
}

// A SavedSender is a Sender.
type SavedSender struct {
	ID   uint64         `json:"id,omitempty"`
	Name []byte         `json:"name,omitempty"`
	Addr netip.AddrPort `json:"addr,omitzero"`
}

// Sender returns the sender.
func (s *SavedSender) Sender() Sender { return Sender{s.ID, string(s.Name), s.Addr} }

// A SenderTable has senders, each once. The first has index 1; 0 is none.
type SenderTable struct {
	Saved []SavedSender

	index map[*Sender]uint32
	last  *Sender // the one that was asked for last
	at    uint32
}

// Index returns the index of a sender, which may be nil.
func (t *SenderTable) Index(s *Sender) uint32 {
	if s == nil {
		return 0
	}
	if s == t.last {
		return t.at
	}
	if t.index == nil {
		t.index = make(map[*Sender]uint32)
	}
	at, known := t.index[s]
	if !known {
		t.Saved = append(t.Saved, SavedSender{s.ID, []byte(s.Name), s.Addr})
		at = uint32(len(t.Saved))
		t.index[s] = at
	}
	t.last, t.at = s, at
	return at
}

// Bulk returns the fields that are kept beside the others, in an order that never changes.
func (s *SavedLog) Bulk() []*[]byte {
	bulk := []*[]byte{&s.Messages, &s.Senders, &s.Times}
	if s.Packed != nil {
		bulk = append(bulk, &s.Packed.Messages, &s.Packed.Senders, &s.Packed.Times)
	}
	return bulk
}

// The sizes of a sender and of a time in bulk.
const savedSender, savedTime = 4, 8

// Save returns the log as a value. Its senders are added to a table. piece returns the
// number of the piece of a file in which a segment lies, if it does: such a segment is not
// copied. Nothing may be appended, and no follower of a named group may take anything
// (PauseFollowers), until the value is not needed any more.
func (l *Log) Save(senders *SenderTable, piece func([]byte) (number int, ok bool)) *SavedLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &SavedLog{
		First: l.first, Head: l.head.Load(), End: l.end.Load(), Kept: l.kept, Replayed: l.replayed,
		Forgotten: l.forgotten, KeepFrom: l.keepFrom, Pressed: l.pressed.Load(), Held: l.held.Load(), NoticeNo: l.noticeNo.Load(),
	}
	s.From = s.End
	for n := l.firstLive; n < l.nextLive; n++ {
		l.saveSegment(s, n, senders, piece)
	}
	if k := l.packed; k != nil {
		s.Packed = &SavedPacked{From: uint64(k.from), To: uint64(k.to), Messages: k.data}
		for i, from := range k.senders {
			s.Packed.Senders = binary.LittleEndian.AppendUint32(s.Packed.Senders, senders.Index(from))
			s.Packed.Times = binary.LittleEndian.AppendUint64(s.Packed.Times, uint64(k.at[i]))
		}
	}
	for number := max(l.firstNotice(), s.NoticeNo-min(s.NoticeNo, noticesKept)); number < s.NoticeNo; number++ {
		s.Notices = append(s.Notices, l.notices.at(number).save(senders))
	}
	for _, c := range *l.readers.Load() {
		if f := c.follower; f != nil && f.group.name != "" {
			s.Followers = append(s.Followers, f.save(senders))
		}
	}
	return s
}

// saveSegment adds the segment with a number. The caller holds l.mu.
func (l *Log) saveSegment(s *SavedLog, number uint64, senders *SenderTable, piece func([]byte) (int, bool)) {
	seg := *l.place(number)
	begin, end := number*SegmentSize, min((number+1)*SegmentSize, s.End)
	if number == l.firstLive { // what came before may never have been in it
		for begin < end && seg.from[begin%SegmentSize/wire.Size] == nil {
			begin += wire.Size
		}
		s.From = min(begin, s.End)
	}
	saved := SavedPiece{Number: -1}
	if n, ok := piece(seg.data); ok {
		saved = SavedPiece{Number: n, Lent: seg.lent.Load()}
	} else if begin < end {
		s.Messages = append(s.Messages, seg.data[begin%SegmentSize:][:end-begin]...)
	}
	s.Pieces = append(s.Pieces, saved)
	for ; begin < end; begin += wire.Size {
		i := begin % SegmentSize / wire.Size
		s.Senders = binary.LittleEndian.AppendUint32(s.Senders, senders.Index(seg.from[i]))
		s.Times = binary.LittleEndian.AppendUint64(s.Times, uint64(seg.at[i]))
	}
}

func (n *Notice) save(senders *SenderTable) SavedNotice {
	return SavedNotice{
		Kind: n.Kind, From: senders.Index(n.From), Key: []byte(n.Key), Label: []byte(n.Label), Reason: []byte(n.Reason),
		Time: n.Time.UnixNano(), At: uint64(n.at),
	}
}

func (s *SavedNotice) restore(senders []*Sender) *Notice {
	return &Notice{
		Kind: s.Kind, From: senders[s.From], Key: string(s.Key), Label: string(s.Label), Reason: string(s.Reason),
		Time: time.Unix(0, s.Time), at: Position(s.At),
	}
}

func (f *Follower) save(senders *SenderTable) SavedFollower {
	s := SavedFollower{
		Group: f.group.name, MaySkip: f.maySkip, IsAhead: f.isAhead,
		Cursor: uint64(f.cursor.Position()), Next: uint64(f.next), NextNotice: f.nextNotice, Missed: f.missed,
	}
	if own := f.own.Load(); own != nil {
		s.Limit, s.HoldsOnly = own.high, own.holdsOnly()
	}
	for _, n := range f.pending {
		s.Pending = append(s.Pending, n.save(senders))
	}
	return s
}
