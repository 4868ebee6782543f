package client_test

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

// A page is a small server that speaks the subprotocol, for tests on every system. It
// keeps all messages, as a history does, but only the last of them in its memory.
type page struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	changed  *sync.Cond
	epoch    uint64
	server   uint64        // its number in a cluster; 0: it is in none
	from     []string      // what those that joined said
	log      []pageMessage // the first has number 1
	kept     int           // how many it sends to clients that come back
	replay   int           // and to others
	name     string        // of the room, if it has one
	history  bool
	gone     uint64               // numbers up to this one are not in the history any more
	busy     int                  // how many requests for the history are refused first
	broken   int                  // the one whose connection breaks, and the next one's
	refusal  websocket.StatusCode // with which it refuses all clients, if it is set
	held     bool                 // nothing is read, or sent
	members  map[*pageMember]bool
	requests atomic.Int32 // for the history
}

type pageMessage struct {
	wire.Message
	from *pageMember
	at   time.Time
}

type pageMember struct {
	name string
	conn *websocket.Conn
	gone bool
}

func newPage(t testing.TB) *page { return newPageOn(t, nil) }

// newPageOn runs a page on a listener, or on a free port if that is nil.
func newPageOn(t testing.TB, l net.Listener) *page {
	p := &page{t: t, epoch: 7, kept: 100, history: true, members: make(map[*pageMember]bool)}
	p.changed = sync.NewCond(&p.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", p.serve)
	mux.HandleFunc("/api/messages", p.serveHistory)
	mux.HandleFunc("/api/room", p.serveAbout)
	p.Server = httptest.NewUnstartedServer(mux)
	if l != nil {
		p.Listener.Close()
		p.Listener = l
	}
	p.Start()
	t.Cleanup(p.stop)
	return p
}

func (p *page) stop() {
	p.disconnect()
	p.Close()
}

// with changes the server's state.
func (p *page) with(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

// disconnect resets all connections.
func (p *page) disconnect() {
	p.with(func() {
		p.held = false
		for m := range p.members {
			m.gone = true
			go m.conn.CloseNow()
		}
	})
	for done := false; !done; {
		p.with(func() { done = len(p.members) == 0 })
	}
}

// say appends a message of a client that joined as from and writes as name.
func (p *page) say(from, name, text string) {
	m, err := wire.New(name, text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.with(func() { p.log = append(p.log, pageMessage{m, &pageMember{name: from}, time.Now()}) })
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{client.Subprotocol}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	_, b, err := conn.Read(r.Context())
	if err != nil || len(b) != wire.Size {
		return
	}
	first := wire.Message(b)
	if p.refusal != 0 || !first.HasKey("key") {
		conn.Close(cmp.Or(p.refusal, 4401), "")
		return
	}
	m := &pageMember{name: string(first.TrimmedName()), conn: conn}
	next, known := p.admit(m, r)
	admission := p.header(next, time.Now())
	admission = binary.BigEndian.AppendUint64(admission, p.epoch)
	admission = binary.BigEndian.AppendUint64(admission, known)
	if p.server != 0 {
		admission = binary.BigEndian.AppendUint64(admission, p.server)
	}
	if conn.Write(r.Context(), websocket.MessageBinary, append(admission, b...)) != nil {
		p.remove(m)
		return
	}
	var writer sync.WaitGroup
	writer.Go(func() { p.write(m, next) })
	p.read(m)
	p.remove(m)
	writer.Wait()
}

func (p *page) remove(m *pageMember) {
	p.with(func() { m.gone = true; delete(p.members, m) })
}

// admit adds a member and returns where it begins.
func (p *page) admit(m *pageMember, r *http.Request) (next, known uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members[m] = true
	p.from = append(p.from, r.URL.Query().Get("from"))
	head := uint64(len(p.log)) + 1
	epoch, _ := strconv.ParseUint(r.URL.Query().Get("epoch"), 16, 64)
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	few := p.replay
	if epoch == p.epoch {
		known, few = after, p.kept
	}
	next = head - min(uint64(few), head-1)
	return max(next, known+1), known
}

func (p *page) header(number uint64, at time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, number)
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
}

// read appends what a member says.
func (p *page) read(m *pageMember) {
	for {
		_, b, err := m.conn.Read(p.t.Context())
		if err != nil {
			return
		}
		p.mu.Lock()
		for p.held && !m.gone {
			p.changed.Wait()
		}
		for ; len(b) > 0 && !m.gone; b = b[wire.Size:] {
			p.log = append(p.log, pageMessage{wire.Message(b), m, time.Now()})
		}
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// write writes to a member what is new, in frames cut anywhere.
func (p *page) write(m *pageMember, next uint64) {
	head, caughtUp := uint64(0), false
	for {
		p.mu.Lock()
		if head == 0 {
			head = uint64(len(p.log)) + 1
		}
		for (uint64(len(p.log))+1 == next && caughtUp || p.held) && !m.gone {
			p.changed.Wait()
		}
		if m.gone {
			p.mu.Unlock()
			return
		}
		frames, sent := [][]byte(nil), next
		for next <= uint64(len(p.log)) {
			e := p.log[next-1]
			if e.from == m {
				next++
				continue
			}
			b := p.header(next, e.at)
			if named := string(e.TrimmedName()) != e.from.name; named {
				var name [wire.NameSize]byte
				copy(name[:], e.from.name)
				b = append(append(b, name[:]...), e.Message[:]...)
				next++
			} else {
				for most := 1 + rand.IntN(200); most > 0 && next <= uint64(len(p.log)); most-- {
					e := p.log[next-1]
					if e.from == m || string(e.TrimmedName()) != e.from.name {
						break
					}
					b = append(b, e.Message[:]...)
					next++
				}
			}
			frames, sent = append(frames, b), next
		}
		if sent < next || !caughtUp && next >= head {
			frames, caughtUp = append(frames, p.header(next, time.Now())), true
		}
		p.mu.Unlock()
		for _, b := range frames {
			if m.conn.Write(p.t.Context(), websocket.MessageBinary, b) != nil {
				return
			}
		}
	}
}

// serveAbout answers what the room offers, and its name to those that have the key.
func (p *page) serveAbout(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := map[string]any{"history": p.history, "replay": p.replay}
	if p.name != "" && hasKey(r) {
		answer["name"] = p.name
	}
	json.NewEncoder(w).Encode(answer)
}

func hasKey(r *http.Request) bool {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	return string(key) == "key"
}

func (p *page) serveHistory(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.history:
		http.NotFound(w, r)
		return
	case !hasKey(r):
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	case p.broken > 0 && (int(p.requests.Load()) == p.broken || int(p.requests.Load()) == p.broken+1):
		panic(http.ErrAbortHandler)
	case p.busy > 0:
		p.busy--
		w.Header().Set("Retry-After", "0")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	before, _ := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64)
	messages := []map[string]any{}
	for n := max(after, p.gone, before-min(before, 101)) + 1; n < before && n <= uint64(len(p.log)); n++ {
		e := p.log[n-1]
		messages = append(messages, map[string]any{
			"sequence": n, "time": e.at.UnixMilli(), "name": inJSON(e.Name()), "from": inJSON([]byte(e.from.name)), "text": inJSON(e.Text()),
		})
	}
	json.NewEncoder(w).Encode(map[string]any{"messages": messages})
}

// inJSON returns a field as the history has it: with a lone surrogate for each byte that
// is not UTF-8.
func inJSON(field []byte) json.RawMessage {
	literal := []byte{'"'}
	for len(field) > 0 {
		r, size := utf8.DecodeRune(field)
		if r == utf8.RuneError && size == 1 {
			literal = fmt.Appendf(literal, `\udc%02x`, field[0])
		} else {
			part, _ := json.Marshal(string(r))
			literal = append(literal, part[1:len(part)-1]...)
		}
		field = field[size:]
	}
	return append(literal, '"')
}

// receive takes a number of messages.
func receive(t testing.TB, c *client.Client, n int) (got []client.Message) {
	t.Helper()
	if n == 0 {
		return nil
	}
	for m, err := range c.Receive(within(t)) {
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
		if got = append(got, m); len(got) == n {
			return got
		}
	}
	t.Fatalf("the connection has ended after %d of %d messages", len(got), n)
	return nil
}

// catchUp receives in the background until c has caught up, and returns what came. A
// message that tells the end is sent by the room.
func catchUp(t testing.TB, p *page, c *client.Client) (got []client.Message) {
	t.Helper()
	const last = "that was all"
	go func() {
		select {
		case <-c.CaughtUp():
			p.say("server", "server", last)
		case <-t.Context().Done():
		}
	}()
	for m, err := range c.Receive(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == last {
			if m.Old {
				t.Error("a message after all that was old is said to be old")
			}
			return got
		}
		got = append(got, m)
	}
	t.Fatal("the connection has ended")
	return nil
}

func texts(messages []client.Message) string {
	var b strings.Builder
	for _, m := range messages {
		mark := ""
		switch {
		case m.Own:
			mark = ">"
		case m.Old:
			mark = "~"
		}
		if m.Missed > 0 {
			fmt.Fprintf(&b, "(%d) ", m.Missed)
		}
		fmt.Fprintf(&b, "%s%d:%s ", mark, m.Number, m.Text)
	}
	return strings.TrimSpace(b.String())
}
