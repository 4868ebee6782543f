//go:build linux

package gateway

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

const epoch = 0xfedcba9876543210

// A numberedFrame is what a frame of the subprotocol says.
type numberedFrame struct {
	number, epoch, known uint64
	time                 time.Time
	name                 string
	messages             []wire.Message
}

func (f numberedFrame) String() string {
	text := fmt.Sprint(f.number)
	if f.name != "" {
		text += " " + f.name
	}
	for _, m := range f.messages {
		text += fmt.Sprintf(" %s:%s", m.Name(), m.Text())
	}
	return text
}

// numbered opens a WebSocket with the subprotocol and joins. It returns the first
// frame, too.
func (r *room) numbered(t *testing.T, name, query string) (*browser, numberedFrame) {
	t.Helper()
	conn, answer, err := websocket.Dial(t.Context(), r.url+query, &websocket.DialOptions{Subprotocols: []string{server.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	if conn.Subprotocol() != server.Subprotocol {
		t.Fatalf("the answer is %v", answer.Header)
	}
	b := &browser{Conn: conn, t: t, ctx: t.Context(), name: name}
	m := message(name, chattest.Key)
	b.send(m[:])
	frame := b.frame()
	header := numberedFrame{number: binary.BigEndian.Uint64(frame), epoch: binary.BigEndian.Uint64(frame[16:]), known: binary.BigEndian.Uint64(frame[24:])}
	if echo := wire.Message(frame[32:]); len(frame) != 32+wire.Size || echo != m {
		t.Fatalf("the first frame has %d bytes, and the echo %q", len(frame), echo.Text())
	}
	return b, header
}

func (b *browser) frame() []byte {
	b.t.Helper()
	_, frame, err := b.Read(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return frame
}

func (b *browser) expectFrame(want string) numberedFrame {
	b.t.Helper()
	frame := b.frame()
	f := numberedFrame{number: binary.BigEndian.Uint64(frame), time: time.UnixMilli(int64(binary.BigEndian.Uint64(frame[8:])))}
	rest := frame[16:]
	if len(rest)%wire.Size == wire.NameSize {
		f.name = strings.TrimRight(string(rest[:wire.NameSize]), "\x00")
		rest = rest[wire.NameSize:]
	}
	for ; len(rest) >= wire.Size; rest = rest[wire.Size:] {
		f.messages = append(f.messages, wire.Message(rest[:wire.Size]))
	}
	if got := f.String(); got != want || len(rest) > 0 {
		b.t.Fatalf("received %q and %d bytes, want %q", got, len(rest), want)
	}
	if age := time.Since(f.time); age < -time.Second || age > chattest.Patience {
		b.t.Errorf("%s has the time %v", want, f.time)
	}
	return f
}

// A client of the subprotocol is told the number of each message, that of its own by
// the gaps, and the sender's name if the message has another. When it comes back, it
// gets what it missed, and only that.
func TestNumbers(t *testing.T) {
	r := start(t, server.Config{}, Config{Subprotocol: server.Subprotocol}, server.RoomConfig{Replay: 2, Kept: 4})
	alice := r.Join(t, "alice")
	bob, first := r.numbered(t, "bob", "")
	if first.number != 1 || first.known != 0 || first.epoch != epoch {
		t.Errorf("the first is admitted with %+v", first)
	}
	bob.expectFrame("1") // caught up
	alice.Send("a")
	bob.expectFrame("1 alice:a")
	own := message("bob", "b")
	bob.send(own[:])
	alice.Expect("bob", "b")
	bob.expectFrame("3") // its own was 2
	eve := message("alice", "not alice")
	carol, _ := r.numbered(t, "carol", "")
	carol.expectFrame("1 alice:a bob:b")
	carol.expectFrame("3")
	carol.send(eve[:])
	bob.expectFrame("3 carol alice:not alice")
	alice.Expect("alice", "not alice")
	carol.expectFrame("4")
	bob.CloseNow()

	alice.Send("c")
	carol.expectFrame("4 alice:c")
	bob, again := r.numbered(t, "bob", fmt.Sprintf("?epoch=%x&after=3", uint64(epoch)))
	if again.number != 4 || again.known != 3 {
		t.Errorf("one that has 3 messages of 4 is admitted with %+v", again)
	}
	bob.expectFrame("4 alice:c")
	bob.expectFrame("5")
	for i := range 3 {
		alice.Send(fmt.Sprint(i))
		bob.expectFrame(fmt.Sprintf("%d alice:%d", 5+i, i))
	}
	_, late := r.numbered(t, "late", fmt.Sprintf("?epoch=%x&after=1", uint64(epoch)))
	if late.number != 4 || late.known != 1 {
		t.Errorf("one that has 1 message, when the last 4 of 7 are kept, is admitted with %+v", late)
	}
	_, other := r.numbered(t, "other", "?epoch=1&after=6")
	if other.number != 6 || other.known != 0 {
		t.Errorf("one of another epoch is admitted with %+v", other)
	}
}

// A client that says which one it is takes the place of its former connection, also in
// a full room, after all that came over that.
func TestTakeOver(t *testing.T) {
	for _, loops := range []int{1, 2} {
		r := start(t, server.Config{Loops: loops}, Config{Subprotocol: server.Subprotocol}, server.RoomConfig{MaxClients: 2, Kept: 100})
		alice := r.Join(t, "alice")
		bob, _ := r.numbered(t, "bob", "?client=b0b")
		bob.expectFrame("1")
		alice.Send("hello")
		bob.expectFrame("1 alice:hello")
		for round := 1; round <= 5; round++ {
			own := message("bob", fmt.Sprint(round))
			bob.send(own[:])
			again, first := r.numbered(t, "bob", fmt.Sprintf("?client=b0b&epoch=%x&after=%d", uint64(epoch), round))
			if int(first.known) != round {
				t.Errorf("it is admitted with %+v", first)
			}
			again.expectFrame(fmt.Sprintf("%d bob:%d", round+1, round))
			again.expectFrame(fmt.Sprint(round + 2))
			bob.expectClose(-1) // reset
			alice.Expect("bob", fmt.Sprint(round))
			bob = again
		}
		alice.Send("still here")
		bob.expectFrame("7 alice:still here")
	}
}

// A frame without messages is answered with another, whatever has been said meanwhile, so
// that a client finds out whether its connection works. Without the subprotocol it is
// ignored.
func TestNumbersProbe(t *testing.T) {
	r := start(t, server.Config{}, Config{Subprotocol: server.Subprotocol})
	alice := r.Join(t, "alice")
	bob, _ := r.numbered(t, "bob", "")
	bob.expectFrame("1")
	for range 2 {
		bob.send(nil)
		bob.expectFrame("1")
	}
	alice.Send("a")
	bob.expectFrame("1 alice:a")
	bob.send(nil)
	bob.expectFrame("2")
	own := message("bob", "b")
	bob.send(own[:])
	bob.expectFrame("3")
	bob.send(nil)
	bob.expectFrame("3")

	carol := r.join(t, "carol")
	carol.send(nil)
	bob.send(own[:])
	if got := carol.receive(); got != own {
		t.Errorf("received %q", got.Text())
	}
}

// Without the subprotocol, nobody is asked which client it is or what it has: each
// connection is one of its own.
func TestQueryWithoutNumbers(t *testing.T) {
	r := start(t, server.Config{}, Config{Subprotocol: server.Subprotocol}, server.RoomConfig{Kept: 100})
	alice := r.Join(t, "alice")
	bob, _ := r.numbered(t, "bob", "")
	bob.expectFrame("1")
	alice.Send("before")
	bob.expectFrame("1 alice:before")
	r.url += fmt.Sprintf("?client=b0b&epoch=%x&after=0", uint64(epoch))
	one, two := r.join(t, "one"), r.join(t, "two")
	alice.Send("hello")
	for _, b := range []*browser{one, two} {
		if got := b.receive(); string(got.Text()) != "hello" {
			t.Errorf("%s received %q", b.name, got.Text())
		}
	}
}

// What a client says it has is two numbers, or nothing.
func TestSince(t *testing.T) {
	for _, test := range []struct {
		query string
		want  Since
		err   string
	}{
		{"", Since{}, ""},
		{"?other=1", Since{}, ""},
		{"?epoch=ff&after=7", Since{Epoch: 0xff, Number: 7}, ""},
		{"?epoch=ffffffffffffffff&after=18446744073709551615", Since{Epoch: 1<<64 - 1, Number: 1<<64 - 1}, ""},
		{"?client=9c", Since{Client: 0x9c}, ""},
		{"?epoch=ff&after=7&client=9c", Since{Epoch: 0xff, Number: 7, Client: 0x9c}, ""},
		{"?client=9c&from=ab", Since{Client: 0x9c, From: 0xab, Roams: true}, ""},
		{"?client=9c&from=0", Since{Client: 0x9c, Roams: true}, ""},
		{"?from=", Since{}, `from=""`},
		{"?motd=1", Since{Motd: true}, ""},
		{"?client=me", Since{}, `client="me"`},
		{"?epoch=ff", Since{}, `after=""`},
		{"?after=7", Since{}, `epoch=""`},
		{"?epoch=0x1&after=7", Since{}, `epoch="0x1"`},
		{"?epoch=1&after=-7", Since{}, `after="-7"`},
		{"?epoch=1ffffffffffffffff&after=7", Since{}, "epoch="},
	} {
		since, err := sinceOf(httptest.NewRequest(http.MethodGet, "/ws"+test.query, nil))
		if since != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v; want %v, %q", test.query, since, err, test.want, test.err)
		}
	}
}
