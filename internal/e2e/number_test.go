package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	bin "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A counter is a client of the subprotocol that says what it has when it comes back.
type counter struct {
	t     *testing.T
	srv   *website
	conn  *websocket.Conn
	epoch uint64
	next  uint64            // the number that comes next, unless it is the client's own
	has   map[uint64]string // by number
	own   []string          // sent and not acknowledged
}

// come joins, with what the client has, and fills in from the history what the server
// no longer has in memory.
func (c *counter) come(ctx context.Context) {
	c.t.Helper()
	url := fmt.Sprintf("ws://127.0.0.1:%d/ws", c.srv.webPort)
	if c.epoch != 0 {
		url += fmt.Sprintf("?epoch=%016x&after=%d", c.epoch, c.next-1)
	}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sop-chat.v2"}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(-1)
	c.conn, c.own = conn, nil
	auth := message("counter", key)
	if err := conn.Write(ctx, websocket.MessageBinary, auth[:]); err != nil {
		c.t.Fatal(err)
	}
	_, frame, err := conn.Read(ctx)
	if err != nil || len(frame) != 32+wire.Size || !bytes.Equal(frame[32:], auth[:]) {
		c.t.Fatalf("the first frame has %d bytes: %v", len(frame), err)
	}
	number, known := bin.BigEndian.Uint64(frame), bin.BigEndian.Uint64(frame[24:])
	if c.next > 1 && known == 0 || c.epoch != 0 && known >= c.next {
		c.t.Fatalf("a client that has %d messages is told that it has %d", c.next-1, known)
	}
	maps.DeleteFunc(c.has, func(n uint64, _ string) bool { return n > known })
	c.epoch = bin.BigEndian.Uint64(frame[16:])
	for before := number; before > known+1; { // from the history, backwards
		missed := c.fetch(ctx, known, before)
		if len(missed) == 0 {
			c.t.Fatalf("the history has nothing between %d and %d", known, before)
		}
		for _, m := range missed {
			c.has[m.Sequence] = m.Text
		}
		before = missed[0].Sequence
	}
	for c.next = number; ; {
		if settled, err := c.read(ctx); err != nil {
			c.t.Fatal(err)
		} else if settled {
			return // it has caught up
		}
	}
}

type fetched struct {
	Sequence uint64
	Text     string
}

func (c *counter) fetch(ctx context.Context, after, before uint64) []fetched {
	c.t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/api/messages?after=%d&before=%d", c.srv.webPort, after, before)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+base64.StdEncoding.EncodeToString([]byte(key)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct{ Messages []fetched }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
		c.t.Fatalf("the history answers %s, %v", answer.Status, err)
	}
	return got.Messages
}

// read reads a frame, and reports whether it had no message.
func (c *counter) read(ctx context.Context) (settled bool, err error) {
	_, frame, err := c.conn.Read(ctx)
	if err != nil {
		return false, err
	}
	number := bin.BigEndian.Uint64(frame)
	for ; c.next < number; c.next++ {
		if len(c.own) == 0 {
			return false, fmt.Errorf("after %d comes %d, and nothing own is between", c.next-1, number)
		}
		c.has[c.next], c.own = c.own[0], c.own[1:]
	}
	if number != c.next || len(frame)%wire.Size != 16 {
		return false, fmt.Errorf("after %d comes %d, with %d bytes", c.next-1, number, len(frame))
	}
	for rest := frame[16:]; len(rest) > 0; rest = rest[wire.Size:] {
		m := wire.Message(rest[:wire.Size])
		if c.has[c.next] != "" {
			return false, fmt.Errorf("message %d comes twice", c.next)
		}
		c.has[c.next] = string(m.Text())
		c.next++
	}
	return len(frame) == 16, nil
}

// A client that was in the room before its first message has nothing of it, and gets
// all when it comes back, after the server was killed too.
func TestNumbersFromTheBeginning(t *testing.T) {
	t.Parallel()
	flags := []string{"--history", filepath.Join(t.TempDir(), "chat.db"), "--console", "off"}
	c := &counter{t: t, srv: startWeb(t, flags...), has: make(map[uint64]string)}
	c.come(t.Context())
	c.srv.kill()
	c.srv = startWebAt(t, c.srv.port, c.srv.webPort, flags...)
	alice, bob := joinEventually(t, c.srv.server, "alice"), joinEventually(t, c.srv.server, "bob")
	for i := range 3 {
		bob.expect(alice.say(fmt.Sprint(i)))
	}
	c.come(t.Context())
	if fmt.Sprint(c.has) != "map[1:0 2:1 3:2]" {
		t.Errorf("it has %v", c.has)
	}
}

// A client that says what it has gets what it missed, once, and no more, whether it
// left, the server was restarted, or killed before all was in the history. In the end
// it has what the history has, under the same numbers.
func TestNumbers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*testTimeout)
	defer cancel()
	file := filepath.Join(t.TempDir(), "chat.db")
	port, webPort := freePort(t), freePort(t)
	start := func() *website {
		return startWebAt(t, port, webPort, "--history", file, "--replay", "5", "--max-clients", "0", "--console", "off", "--log-level", "error")
	}
	c := &counter{t: t, srv: start(), has: make(map[uint64]string)}
	c.come(ctx)
	said := 0
	talk := func(n int) {
		alice := joinEventually(t, c.srv.server, "alice")
		for ; n > 0; n-- {
			said++
			alice.send(message("alice", fmt.Sprint("alice says ", said)))
		}
		alice.halfClose()
		if _, err := io.Copy(io.Discard, alice); err != nil {
			t.Fatal(err)
		}
	}
	// hear reads until everything is there that it sends itself last.
	hear := func() {
		said++
		text := fmt.Sprint("counter says ", said)
		own := message("counter", text)
		c.own = append(c.own, text)
		if err := c.conn.Write(ctx, websocket.MessageBinary, own[:]); err != nil {
			t.Fatal(err)
		}
		for len(c.own) > 0 {
			if _, err := c.read(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range scaled(8, 40) {
		talk(1 + rand.IntN(600))
		hear()
		switch round % 4 {
		case 0: // it misses little, which is in memory
			c.conn.CloseNow()
			talk(1 + rand.IntN(400))
		case 1: // it misses much
			c.conn.CloseNow()
			talk(600 + rand.IntN(400))
		case 2: // the server ends
			c.srv.signal(syscall.SIGTERM)
			c.srv.expectEnd(0)
			c.srv = start()
			talk(rand.IntN(900))
		case 3: // it is killed, and the last messages are not in the history
			talk(rand.IntN(100))
			hear()
			c.srv.kill()
			c.srv = start()
			talk(rand.IntN(900))
		}
		c.come(ctx)
	}
	hear()
	c.srv.signal(syscall.SIGTERM)
	c.srv.expectEnd(0)
	exported := run(t, nil, binary, "history", "export", file, "--format", "json")
	kept := make(map[uint64]string)
	for line := range strings.Lines(exported.stdout) {
		var m fetched
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		kept[m.Sequence] = m.Text
	}
	for n, text := range c.has {
		if kept[n] != text {
			t.Fatalf("message %d is %q, and %q in the history", n, text, kept[n])
		}
	}
	if len(kept) != len(c.has) {
		t.Errorf("the client has %d messages, the history %d; the last is %d", len(c.has), len(kept), slices.Max(slices.Collect(maps.Keys(kept))))
	}
	t.Logf("%d messages, of %d", len(kept), said)
}
