package handover

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/histogram"
	"sop-chat/internal/origin"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

var update = flag.Bool("update", false, "write the golden file of the current version anew")

// example returns a state in which every field is set.
func example() *State {
	senders := []byte{1, 0, 0, 0, 2, 0, 0, 0}
	times := make([]byte, 16)
	binary.LittleEndian.PutUint64(times, 1_000_000_000)
	binary.LittleEndian.PutUint64(times[8:], 2_000_000_000)
	notice := broadcast.SavedNotice{Kind: broadcast.Accepted, From: 1, Key: []byte("key\xff"), Label: []byte("ann"), Reason: []byte("why"), Time: 5, At: 2 * wire.Size}
	log := &broadcast.SavedLog{
		First: 7, Head: 3 * wire.Size, End: 4 * wire.Size, From: 2 * wire.Size, Kept: 4 * wire.Size, Replayed: wire.Size,
		Forgotten: wire.Size, KeepFrom: 3 * wire.Size, Pressed: true, Held: true,
		Pieces: []broadcast.SavedPiece{{Number: -1, Lent: true}},
		Packed: &broadcast.SavedPacked{
			From: wire.Size, To: 2 * wire.Size,
			Messages: []byte("\x03\x02\x00annhi"), Senders: senders[:4], Times: times[:8],
		},
		NoticeNo: 9, Notices: []broadcast.SavedNotice{notice},
		Followers: []broadcast.SavedFollower{{
			Group: "history", MaySkip: true, IsAhead: true, Cursor: 3 * wire.Size, Next: 2 * wire.Size, NextNotice: 8, Missed: 1, Limit: 1 << 20, HoldsOnly: true,
			Pending: []broadcast.SavedNotice{notice},
		}},
		Messages: bytes.Repeat([]byte("0123456789abcdef"), 2*wire.Size/16), Senders: senders, Times: times,
	}
	outgoing := *log
	outgoing.First = 1
	conn := Conn{
		FD: 12, Sender: 1, Framing: 2, Message: []byte("part\x00"), Greeting: []byte("welcome"), UserTimeoutOff: true, Client: 99,
		Pass: &Pass{Label: []byte("ann"), Room: "main", ID: []byte("id")}, HasName: true, NamedSince: 1_700_000_000_123,
		Frames: &Frames{
			Decoder:  websocket.SavedDecoder{Key: 1, Left: 2, Before: 3, Header: []byte{0x89, 0x85, 1, 2, 3, 4}, Fragmented: true, PongDue: true, HasControl: true, Control: []byte("abc")},
			Received: []byte("r"), Out: []byte("o"), End: 3 * wire.Size, Unanswered: 1, Target: 1, Ended: true, Status: 1000, Violation: "rule",
		},
	}
	second := Conn{FD: 13, Sender: 2, Framing: 0, Message: []byte("x")}
	return &State{
		Program: "1.0", SavedAt: time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC), LastID: 40, Drains: true,
		Senders: []broadcast.SavedSender{
			{ID: 3, Name: []byte("ann\xff"), Addr: netip.MustParseAddrPort("192.0.2.7:4711")},
			{ID: 4, Name: []byte("bob"), Addr: netip.MustParseAddrPort("[2001:db8::1]:1")},
		},
		Listeners: []Listener{{Server, 3}, {"page", 4}},
		Memory:    &Memory{FD: 5, Piece: 64 << 10, Extent: 512, Pieces: 1024, Warm: []int{1, 2}, Populates: true},
		Strangers: &broadcast.SavedLog{First: 1, NoticeNo: 1},
		Rooms: []Room{{
			Name: "main", Epoch: 1 << 63, Log: log,
			Arrivals: &Arrivals{Joined: 1, Left: 2, Names: []Arrival{{[]byte("ann\xff"), true}}, Away: [][]byte{[]byte("bob\xff")}},
			Outgoing: &outgoing, Returned: 3 * wire.Size, Left: []LeftClient{{Client: 5, Said: 4 * wire.Size, Sender: 2}}, Voids: []uint32{1},
		}},
		Members: []Member{
			{Conn: conn, Room: 0, Cursor: 2 * wire.Size, LastOwn: wire.Size, Said: 4 * wire.Size, IsNew: true, FullIn: time.Second, Draining: &Cause{"words", 4, true, true, true}},
			{Conn: Conn{FD: -1, Sender: 2}, Ended: "TLS"},
		},
		Pending: []Pending{{
			Conn: second, Age: time.Minute, Remote: netip.MustParseAddr("192.0.2.8"), Has: Since{1, 2, 3, 4, true, true}, Proxied: true, Header: []byte("PROXY"),
			IsWhole: true, IsDelayed: true, Waited: true, Looked: true, Judged: true, Echoing: &EchoingMember{Room: 0, Cursor: 3 * wire.Size},
		}},
		Adopted: []Adopted{{
			FD: 14, Peer: netip.MustParseAddrPort("192.0.2.9:1"), Remote: netip.MustParseAddr("127.0.0.1"), WebSocket: true, Numbered: true,
			Has: Since{4, 5, 6, 7, true, true}, Screened: true, Received: []byte("early"),
		}},
		Origins: &origin.Saved{At: time.Hour, Secret: bytes.Repeat([]byte{7}, 32), Records: []origin.SavedRecord{{
			Origin: netip.MustParsePrefix("192.0.2.7/32"), ChangedAt: 1, Wrong: 2, Keys: []uint32{3}, WrongAt: 4, Looks: 5, LookedAt: 6, Next: 7,
			BannedTo: 8, Forgiven: 9, ForgivenTo: 10, ConnectedTo: 11,
		}}, Manual: []origin.Listed{{
			Network: netip.MustParsePrefix("198.51.100.0/24"), Until: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Keys: 1, Reason: "spam", By: "ann",
		}}},
		Counts: &Counts{
			Connections: 1, Accepted: 2, Ended: map[string]uint64{"kicked": 3}, Refused: map[string]uint64{"wrong_key": 4}, Messages: 5,
			Received: 6, Sent: 7, Delivered: 8, Referred: 9, Pressed: 10, Held: 11, Latency: histogram.Histogram{Buckets: [...]uint64{3: 1, 16: 2}, Sum: 12},
		},
		Others: map[string]json.RawMessage{"page": json.RawMessage(`{"port":8080}`)},
	}
}

// firstExample returns the example as it was in version 1.
func firstExample() *State {
	s := example()
	s.Rooms[0].Outgoing, s.Rooms[0].Returned, s.Rooms[0].Left, s.Members[0].Said = nil, 0, nil, 0
	s.Members[0].NamedSince = 0
	s.Rooms[0].Voids = nil
	for _, has := range []*Since{&s.Pending[0].Has, &s.Adopted[0].Has} {
		has.From, has.Roams = 0, false
	}
	return s
}

func encode(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written is what is read, whatever is in it.
func TestRoundTrip(t *testing.T) {
	for what, s := range map[string]*State{"empty": {}, "everything": example()} {
		got, err := Decode(encode(t, s))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, s)
		}
	}
}

// The example leaves no field out, or the golden file would not tell that one was lost.
func TestExampleHasAll(t *testing.T) {
	var look func(v reflect.Value, path string)
	look = func(v reflect.Value, path string) {
		switch {
		case v.Kind() == reflect.Pointer:
			if v.IsNil() {
				t.Errorf("%s is not set", path)
				return
			}
			look(v.Elem(), path)
		case v.Kind() == reflect.Struct && strings.HasPrefix(v.Type().PkgPath(), "sop-chat/"):
			for i := range v.NumField() {
				look(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			if v.Len() == 0 {
				t.Errorf("%s is empty", path)
				return
			}
			look(v.Index(0), path+"[0]")
		case v.IsZero() && !strings.HasPrefix(path, "State.Strangers"):
			// The first of several may lack what makes no sense for it.
			if path != "State.Members[0].Ended" && path != "State.Members[0].Room" && path != "State.Pending[0].Echoing.Room" && !strings.HasSuffix(path, "Conn.Frames.Decoder.Ended") && !strings.HasPrefix(path, "State.Pending[0].Conn.") {
				t.Errorf("%s is not set", path)
			}
		}
	}
	s := example()
	s.Strangers, s.Pending[0].Pass, s.Pending[0].Frames = s.Rooms[0].Log, s.Members[0].Pass, s.Members[0].Frames
	look(reflect.ValueOf(s), "State")
}

// A file of each version there was stays readable.
func TestGolden(t *testing.T) {
	const current = "testdata/version-2.state"
	if *update {
		if err := os.WriteFile(current, encode(t, example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]*State{"testdata/version-1.state": firstExample(), current: example()} {
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
		if path == current && !bytes.Equal(b, encode(t, want)) {
			t.Errorf("the format has changed, and its version has not")
		}
	}
}

// A state without a room that relays can be read by those that know of none.
func TestOldReaders(t *testing.T) {
	for _, test := range []struct {
		state *State
		want  uint32
	}{{firstExample(), 1}, {example(), 2}} {
		if got := binary.LittleEndian.Uint32(encode(t, test.state)[12:]); got != test.want {
			t.Errorf("the oldest version that reads it is %d, want %d", got, test.want)
		}
	}
}

// A file of a newer version can be read if it says so, and otherwise not. What is no
// state, or a damaged one, is refused with the reason.
func TestRefusals(t *testing.T) {
	whole := encode(t, example())
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], to)
		return b
	}
	if _, err := Decode(change(8, 9)); err != nil {
		t.Errorf("version 9, which readers of version 2 can read: %v", err)
	}
	for _, test := range []struct {
		what, want string
		b          []byte
		isVersion  bool
	}{
		{"a newer version", "of version 9, which readers of version 3 can read", change(8, 9, 0, 0, 0, 3), true},
		{"version 0", "of version 0", change(8, 0), true},
		{"nothing", "not the state of a server", nil, false},
		{"another file", "not the state of a server", []byte(strings.Repeat("SQLite format 3", 9)), false},
		{"a part", "damaged", whole[:len(whole)-1], false},
		{"more", "damaged", append(bytes.Clone(whole), 0), false},
		{"a size of all", "damaged", change(16, 255, 255, 255, 255, 255, 255, 255, 255), false},
		{"not JSON", "damaged", change(headerSize, '['), false},
		{"no state", "empty", file(`{"bulk":[]}`, ""), false},
	} {
		_, err := Decode(test.b)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrVersion) != test.isVersion {
			t.Errorf("%s: %v, want %q", test.what, err, test.want)
		}
	}
	for _, text := range []string{
		`{"bulk":[-1,0,0],"state":{"rooms":[{"log":{}}]}}`,
		`{"bulk":[9,0,0],"state":{"rooms":[{"log":{}}]}}`,
		`{"bulk":[1,0,0,1],"state":{"rooms":[{"log":{}}]}}`,
		`{"bulk":[1,0],"state":{"rooms":[{"log":{}}]}}`,
		`{"bulk":[],"state":{"rooms":[{"name":"a"}]}}`,
		`{"bulk":[],"state":{}}`,
	} {
		if _, err := Decode(file(text, "b")); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// file returns a file with some metadata and bulk.
func file(text, bulk string) []byte {
	b := []byte(magic)
	b = binary.LittleEndian.AppendUint32(b, Version)
	b = binary.LittleEndian.AppendUint32(b, oldest)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(bulk)))
	return append(append(b, text...), bulk...)
}

// Whatever is in a file, reading it neither panics nor takes memory beyond its size, and
// restoring its logs does not panic.
func FuzzDecode(f *testing.F) {
	whole := encode(f, example())
	f.Add(whole[headerSize:], uint32(len(whole)-headerSize))
	f.Add([]byte(`{"bulk":[],"state":{}}`), uint32(22))
	f.Fuzz(func(t *testing.T, rest []byte, size uint32) {
		size = min(size, uint32(len(rest)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := Decode(file(string(rest[:size]), string(rest[size:])))
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+1000*uint64(len(rest)) {
			t.Errorf("%d bytes take %d", len(rest), took)
		}
		if err != nil {
			return
		}
		senders := make([]*broadcast.Sender, 1+len(s.Senders))
		for i := range s.Senders {
			sender := s.Senders[i].Sender()
			senders[i+1] = &sender
		}
		for _, log := range s.logs() {
			l := broadcast.New(1<<20, 1<<16)
			if l.Restore(log, senders, func(int) []byte { return nil }) != nil {
				continue
			}
			readers := broadcast.NewGroup().Named("history").FollowLossless(l, nil)
			readers.Take(make([]broadcast.Entry, 64))
			if c, err := l.JoinAt(l.Head(), func() {}); err == nil {
				c.Leave()
			}
			c := l.JoinAfter(0, func() {})
			l.Gather(make([][]byte, 0, 64), c.Position(), l.Head(), nil)
			batch := broadcast.NewBatch(wire.Size)
			if !l.Held() {
				batch.Add(new(broadcast.Sender), wire.Size)
				l.Append(batch, time.Time{})
			}
		}
	})
}
