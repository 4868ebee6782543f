package e2e

import (
	"bufio"
	"bytes"
	"context"
	bin "encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"sop-chat/internal/wire"
)

// A crowd is many tabs that show the page.
type crowd struct {
	webPort int
	pause   func(try, code int) time.Duration // the longest before a page tries again
	said    atomic.Uint64                     // messages of the room

	tabs   []*tab
	inside atomic.Int64 // tabs that are in the room

	isServed atomic.Bool // there is a server

	// How often a try was in vain. Though there was a server, it was not found, or ended
	// the connection without a word.
	unreachable, cut atomic.Int64
	// A server answered something else than a WebSocket, or ended it before the
	// admission, and not because it stopped.
	answered, refused atomic.Int64
}

// A tab is the page in a browser: it joins through a WebSocket, knows what it has, and
// comes back as the page does. The message number n is to have the text n.
type tab struct {
	crowd     *crowd
	from      netip.Addr // its address
	forwarded string     // what the proxy says that it is; "" without one

	epoch    uint64
	have     atomic.Uint64 // all messages up to this number
	caughtUp bool
}

// run keeps the tab in the room. It returns an error if the server breaks a promise.
func (t *tab) run(ctx context.Context) error {
	for try, code := 0, 0; ; try++ {
		joined, status, err := t.visit(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case joined:
			try, code = 0, 0
		}
		if status == goingAway {
			code = status
		}
		select {
		case <-time.After(rand.N(t.crowd.pause(try, code))):
		case <-ctx.Done():
			return nil
		}
	}
}

// goingAway is the code with which a server that stops closes WebSockets.
const goingAway = 1001

// visit joins and stays until the connection ends. It returns the code with which the
// server closed it, or 0.
func (t *tab) visit(ctx context.Context) (joined bool, code int, err error) {
	inVain := func(*atomic.Int64) {}
	if t.crowd.isServed.Load() {
		inVain = func(n *atomic.Int64) { n.Add(1) }
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: t.from.AsSlice()}, Timeout: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", t.crowd.webPort))
	if err != nil {
		inVain(&t.crowd.unreachable)
		return false, 0, nil
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReaderSize(conn, 2<<10)
	conn.SetDeadline(time.Now().Add(15 * time.Second)) // the page's patience
	if _, err := conn.Write(t.request()); err != nil {
		inVain(&t.crowd.cut)
		return false, 0, nil
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		inVain(&t.crowd.cut)
		return false, 0, nil
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.crowd.answered.Add(1)
		return false, 0, nil
	}
	hello := message("tab", key)
	conn.Write(maskedFrame(0x82, hello[:]))
	for isFirst := true; ; isFirst = false {
		first, payload, err := readFrame(in)
		if err != nil || first == 0x88 {
			if len(payload) >= 2 {
				code = int(bin.BigEndian.Uint16(payload))
			}
			switch {
			case !isFirst:
				t.crowd.inside.Add(-1)
			case code != goingAway && ctx.Err() == nil:
				t.crowd.refused.Add(1)
			}
			return !isFirst, code, nil
		}
		switch {
		case first == 0x89:
			conn.Write(maskedFrame(0x8a, payload))
			continue
		case isFirst:
			conn.SetDeadline(time.Time{})
			t.caughtUp = false
			t.crowd.inside.Add(1)
			err = t.admitted(payload, hello)
		default:
			err = t.received(payload)
		}
		if err != nil {
			return true, 0, fmt.Errorf("a tab at %v: %w", t.from, err)
		}
	}
}

func (t *tab) request() []byte {
	var query string
	if t.epoch != 0 {
		query = fmt.Sprintf("?epoch=%016x&after=%d", t.epoch, t.have.Load())
	}
	b := fmt.Appendf(nil, "GET /ws%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sop-chat.v2\r\n", query, t.crowd.webPort)
	if t.forwarded != "" {
		b = fmt.Appendf(b, "X-Forwarded-For: %s\r\n", t.forwarded)
	}
	return append(b, "\r\n"...)
}

// admitted takes the first frame.
func (t *tab) admitted(payload []byte, hello wire.Message) error {
	if len(payload) != 32+wire.Size || !bytes.Equal(payload[32:], hello[:]) {
		return fmt.Errorf("the first frame is %.80q", payload)
	}
	number, epoch, known := bin.BigEndian.Uint64(payload), bin.BigEndian.Uint64(payload[16:]), bin.BigEndian.Uint64(payload[24:])
	if t.epoch == 0 {
		t.epoch = epoch
		t.have.Store(number - 1)
		return nil
	}
	if have := t.have.Load(); known != have || number != known+1 {
		return fmt.Errorf("it has %d messages of epoch %016x; now it is in epoch %016x, known is %d, and number %d comes next",
			have, t.epoch, epoch, known, number)
	}
	t.epoch = epoch
	return nil
}

// received takes a later frame: messages, each of which has its number for a text.
func (t *tab) received(payload []byte) error {
	if len(payload) < 16 || (len(payload)-16)%wire.Size != 0 {
		return fmt.Errorf("a frame of %d bytes", len(payload))
	}
	number := bin.BigEndian.Uint64(payload)
	if want := t.have.Load() + 1; number != want {
		return fmt.Errorf("a frame has the number %d; %d was next", number, want)
	}
	payload = payload[16:]
	if len(payload) == 0 {
		if t.caughtUp {
			return errors.New("a frame of nothing")
		}
		t.caughtUp = true
	}
	for ; len(payload) > 0; payload = payload[wire.Size:] {
		m := wire.Message(payload[:wire.Size])
		if text := string(m.Text()); text != strconv.FormatUint(number, 10) {
			return fmt.Errorf("number %d has the text %q", number, text)
		}
		t.have.Store(number)
		number++
	}
	return nil
}

// maskedFrame returns a client's frame, masked with zeros.
func maskedFrame(first byte, payload []byte) []byte {
	b := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		b = bin.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// readFrame reads a server's frame.
func readFrame(in *bufio.Reader) (first byte, payload []byte, err error) {
	header, err := in.Peek(2)
	if err != nil {
		return 0, nil, err
	}
	first, size := header[0], uint64(header[1])
	var length [8]byte
	in.Discard(2)
	switch size {
	case 126:
		_, err = io.ReadFull(in, length[6:])
		size = bin.BigEndian.Uint64(length[:])
	case 127:
		_, err = io.ReadFull(in, length[:])
		size = bin.BigEndian.Uint64(length[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(in, payload)
	return first, payload, err
}
