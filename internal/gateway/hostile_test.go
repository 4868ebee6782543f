//go:build linux

package gateway

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A raw browser says what it likes.
type raw struct{ *net.TCPConn }

const upgradeRequest = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// upgrade opens a WebSocket by hand.
func (r *room) upgrade(t *testing.T) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	io.WriteString(conn, upgradeRequest)
	head := make([]byte, 0, 1024)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		head = append(head, 0)
		if _, err := io.ReadFull(conn, head[len(head)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("the answer is %q", head)
	}
	return &raw{conn.(*net.TCPConn)}
}

// Frames, masked with zeros.
const (
	fin          = 0x80
	continuation = 0x0
	binaryFrame  = 0x2
	closeFrame   = 0x8
	pingFrame    = 0x9
)

// header returns the beginning of a frame.
func header(first byte, length uint64) []byte {
	b := append([]byte{first, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, length)...)
	switch {
	case length < 126:
		b = []byte{first, 0x80 | byte(length)}
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(length))
	}
	return append(b, 0, 0, 0, 0)
}

// say may be cut off.
func (r *raw) say(parts ...[]byte) { r.Write(bytes.Join(parts, nil)) }

func (r *raw) authenticate(key string) {
	m := message("raw", key)
	r.say(header(fin|binaryFrame, wire.Size), m[:])
}

// answer waits for something from the server, and says something.
func (r *raw) answer(parts ...[]byte) {
	io.ReadFull(r, make([]byte, 2))
	r.say(parts...)
}

// goOn says the same until the connection ends.
func (r *raw) goOn(part []byte) {
	go func() {
		for {
			if _, err := r.Write(part); err != nil {
				return
			}
		}
	}()
}

var tebibyte = header(fin|binaryFrame, 1<<40)

// soon is how soon a connection that the room has ended is gone.
const soon = 3 * time.Second

// misbehaviours are ways to keep a WebSocket that the room has ended, or never
// let in.
var misbehaviours = map[string]func(*raw){
	"says nothing":                    func(*raw) {},
	"a frame without end":             func(r *raw) { r.say(tebibyte, make([]byte, maxFrame+1)) },
	"a frame that goes on":            func(r *raw) { r.say(tebibyte); r.goOn(make([]byte, 100)) },
	"a frame that does not begin":     func(r *raw) { r.say(tebibyte) },
	"half a header":                   func(r *raw) { r.say(tebibyte[:5]) },
	"half a control frame":            func(r *raw) { r.say(header(fin|pingFrame, 100), make([]byte, 10)) },
	"a control frame that is too big": func(r *raw) { r.say(header(fin|pingFrame, 1<<40)) },
	"a length below zero":             func(r *raw) { r.say(header(fin|binaryFrame, 1<<63)) },
	"no mask":                         func(r *raw) { r.say([]byte{fin | binaryFrame, 10}) },
	"an unknown frame":                func(r *raw) { r.say(header(fin|0x7, 1<<40)) },
	"fragments without end": func(r *raw) {
		r.say(header(binaryFrame, 1), []byte{0})
		r.goOn(header(continuation, 0))
	},
	"pings":                                func(r *raw) { r.goOn(header(fin|pingFrame, 0)) },
	"pings, and reads the rest":            func(r *raw) { r.goOn(header(fin|pingFrame, 0)); go io.Copy(io.Discard, r) },
	"closes and stays":                     func(r *raw) { r.say(header(fin|closeFrame, 0)) },
	"half-closes":                          func(r *raw) { r.CloseWrite() },
	"half-closes in a frame":               func(r *raw) { r.say(tebibyte); r.CloseWrite() },
	"a wrong key":                          func(r *raw) { r.authenticate("guess") },
	"a wrong key, then a frame":            func(r *raw) { r.authenticate("guess"); r.say(tebibyte, make([]byte, maxFrame+1)) },
	"a frame in answer to the close frame": func(r *raw) { r.authenticate("guess"); r.answer(tebibyte) },
	"an answer without end to the close frame": func(r *raw) {
		r.authenticate("guess")
		r.answer(tebibyte)
		r.goOn(make([]byte, 100))
	},
	"pings in answer to the close frame": func(r *raw) { r.authenticate("guess"); r.goOn(header(fin|pingFrame, 0)) },
	"a member's frame without end": func(r *raw) {
		r.authenticate(chattest.Key)
		r.answer(tebibyte, make([]byte, maxFrame+1))
	},
	"a member that closes and stays": func(r *raw) { r.authenticate(chattest.Key); r.answer(header(fin|closeFrame, 0)) },
	"a member that half-closes":      func(r *raw) { r.authenticate(chattest.Key); r.CloseWrite() },
}

func (r *room) pending() int { return r.gateway.limiter.Count() }

// Whatever a browser does, it is gone seconds after the room has ended it: no
// descriptor stays, and nothing is counted.
func TestNothingStays(t *testing.T) {
	r := start(t, server.Config{AuthTimeout: 50 * time.Millisecond}, Config{})
	before := chattest.Sockets(t)
	for _, misbehave := range misbehaviours {
		misbehave(r.upgrade(t))
	}
	chattest.Eventually(t, "all sockets are closed", 5*soon, func() bool {
		return chattest.Sockets(t) == before+len(misbehaviours) // the browsers' own
	})
	if n := r.pending(); n != 0 {
		t.Errorf("%d connections are still counted", n)
	}
}

// A browser that takes nothing is gone seconds after the room has thrown it out.
func TestDeafBrowserGoes(t *testing.T) {
	r := start(t, server.Config{StallTimeout: 50 * time.Millisecond}, Config{}, server.RoomConfig{Backlog: 128 << 10})
	before := chattest.Sockets(t)
	deaf := r.upgrade(t)
	deaf.SetReadBuffer(4 << 10)
	deaf.authenticate(chattest.Key)
	left := follow(t, r)
	talker := r.upgrade(t)
	talker.authenticate(chattest.Key)
	frame := bytes.Join([][]byte{header(fin|binaryFrame, maxFrame), make([]byte, maxFrame)}, nil)
	talker.goOn(frame)
	<-left
	chattest.Eventually(t, "the deaf browser's sockets are closed", 5*soon, func() bool {
		return chattest.Sockets(t) <= before+3 // the talker's two, and the deaf one's own
	})
}

// The server ends in time whatever browsers do.
func TestStopWhateverBrowsersDo(t *testing.T) {
	r := start(t, server.Config{AuthTimeout: time.Minute}, Config{})
	before := chattest.Sockets(t)
	for _, misbehave := range misbehaviours {
		misbehave(r.upgrade(t))
	}
	r.Stop(t)
	chattest.Eventually(t, "all sockets are closed", chattest.Patience, func() bool {
		return chattest.Sockets(t) <= before+len(misbehaviours)
	})
}

// visit opens a connection to the page.
func (r *room) visit(t *testing.T, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(r.url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	return conn
}

// isServed reports whether a request is answered.
func isServed(conn net.Conn) bool {
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	n, _ := conn.Read(make([]byte, 4096))
	return n > 0
}

// An address has so many connections, and there are so many in all; beyond
// that the oldest gives way, of the address that has most, and never the
// newcomer. Half a request makes no difference.
func TestBounds(t *testing.T) {
	r := start(t, server.Config{}, Config{MaxPending: 8, MaxPendingPerAddress: 4})
	honest := r.visit(t, "127.0.0.2")
	var others []net.Conn
	for i := range 20 {
		for _, from := range []string{"127.0.0.3", "127.0.0.4", "127.0.0.5"} {
			conn := r.visit(t, from)
			others = append(others, conn)
			if i%2 == 0 {
				io.WriteString(conn, "GET / HTTP/1.1\r\nHo")
			}
		}
		if !isServed(r.visit(t, "127.0.0.6")) {
			t.Fatal("a newcomer is refused")
		}
		if !isServed(r.visit(t, "127.0.0.3")) {
			t.Fatal("a newcomer from the address with most connections is refused")
		}
	}
	if !isServed(honest) {
		t.Error("the first connection, alone from its address, was evicted")
	}
	if n := r.pending(); n > 8 {
		t.Errorf("%d connections are open, want 8 at most", n)
	}
	if n, err := others[0].Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the oldest is still open")
	}
}

// A connection over which requests come is not the one that gives way.
func TestUsedStays(t *testing.T) {
	r := start(t, server.Config{}, Config{MaxPending: 8, MaxPendingPerAddress: 4})
	used := r.visit(t, "127.0.0.1")
	for range 10 {
		if !isServed(r.visit(t, "127.0.0.1")) { // so it was accepted before the next request
			t.Fatal("a newcomer is refused")
		}
		if !isServed(used) {
			t.Fatal("a connection in use had to give way")
		}
	}
}

// What is a WebSocket is no longer counted here. Until it has given the key, the
// server counts it: behind a trusted proxy for the browser's own address.
func TestPendingBehindProxy(t *testing.T) {
	r := start(t, server.Config{MaxPendingPerAddress: 2}, Config{MaxPending: 4, Proxies: prefixes("127.0.0.1/32")})
	via := func(address string) *browser {
		return r.open(t, http.Header{"X-Forwarded-For": {address}})
	}
	oldest := via("192.0.2.1")
	var stay []*browser
	for _, address := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"} {
		stay = append(stay, via(address))
	}
	oldest.expectClose(websocket.StatusTryAgainLater)
	for _, b := range stay {
		m := message("in", chattest.Key)
		b.send(m[:])
		for b.receive() != m { // what others say comes between
		}
	}
	chattest.Eventually(t, "no WebSocket is counted", chattest.Patience, func() bool { return r.pending() == 0 })
}

// Browsers that come in at the moment at which everything ends leave nothing.
func TestCloseWhileBrowsersCome(t *testing.T) {
	before := chattest.Sockets(t)
	for range 5 {
		r := start(t, server.Config{}, Config{})
		address := strings.TrimPrefix(r.url, "ws://")
		var coming sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			coming.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					conn, err := net.Dial("tcp", address)
					if err != nil {
						return
					}
					conn.SetDeadline(time.Now().Add(chattest.Patience))
					io.WriteString(conn, upgradeRequest)
					io.CopyN(io.Discard, conn, 20)
					conn.Close()
				}
			})
		}
		r.join(t, "web")
		r.Stop(t)
		close(stop)
		coming.Wait()
	}
	chattest.Eventually(t, "all sockets are closed", chattest.Patience, func() bool {
		return chattest.Sockets(t) <= before+10 // five listeners, and the browsers that joined
	})
}
