//go:build linux

package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// maxFrame is how many bytes a client may put into one frame. A page sends a
// message a frame; who has more to say may put some together.
const maxFrame = 32 * wire.Size

// buffers are of one frame each, and the byte by which a longer one is known.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, maxFrame+1)
	return &b
}}

// A client is a WebSocket and Go's end of its socket pair. Two goroutines copy:
//
//	browser ══ WebSocket ──upstream──▶ pair ══ server
//	                     ◀─downstream─
//
// Neither reads on before what it has is written. So who is slow is slowed down
// by the pair, as TCP would: what the browser does not take waits in the room's
// log, and while the room is held nothing is read from the browser.
//
// Each end follows from the other. When the WebSocket ends, upstream closes its
// direction of the pair; the server reads what was sent until then, and closes
// the other, which ends downstream. When the server closes its end, downstream
// closes the WebSocket, which ends upstream.
type client struct {
	ws          *websocket.Conn
	pair        *net.UnixConn
	pingEvery   time.Duration
	peerTimeout time.Duration
	pings       *time.Timer

	// Set while upstream waits for the server, downstream for the browser: a
	// ping then proves nothing.
	sending, receiving atomic.Bool
}

// start begins to copy, and counts the goroutines in running. ctx ends it all.
func (c *client) start(ctx context.Context, running *sync.WaitGroup) {
	c.ws.SetReadLimit(maxFrame + 1) // or the library's words came before ours
	c.pings = time.AfterFunc(time.Hour, func() { c.ping(ctx) })
	c.pings.Reset(c.pingEvery) // not before pings is set
	ended := make(chan struct{})
	running.Go(func() {
		c.downstream(ctx)
		close(ended)
	})
	running.Go(func() {
		c.upstream(ctx)
		c.pair.CloseWrite()
		<-ended
		c.pings.Stop()
		c.pair.Close()
	})
}

// upstream copies what the browser sends to the server, until either ends.
func (c *client) upstream(ctx context.Context) {
	for {
		kind, frame, err := c.ws.Reader(ctx)
		if err != nil {
			return
		}
		buffer := buffers.Get().(*[]byte)
		n, err := io.ReadFull(frame, *buffer)
		switch {
		case err == nil || n > maxFrame:
			c.ws.Close(websocket.StatusMessageTooBig, "a frame has 32 messages at most")
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			// The connection broke.
		case kind != websocket.MessageBinary || n == 0 || wire.Whole(n) != n:
			c.ws.Close(websocket.StatusUnsupportedData, "a frame is binary and has messages of 512 bytes")
		default:
			c.sending.Store(true)
			_, err = c.pair.Write((*buffer)[:n])
			c.sending.Store(false)
			if err == nil {
				buffers.Put(buffer)
				continue
			}
		}
		buffers.Put(buffer)
		return
	}
}

// downstream copies what the server sends to the browser, until either ends, and
// closes the WebSocket.
func (c *client) downstream(ctx context.Context) {
	var rest [wire.Size]byte // of a message of which more is to come
	have := 0
	for {
		buffer, n := readSome(c.pair, rest[:have])
		if n == 0 {
			if buffer != nil {
				buffers.Put(buffer)
			}
			c.ws.Close(websocket.StatusNormalClosure, "the server closed the connection")
			return
		}
		whole := wire.Whole(n)
		have = copy(rest[:], (*buffer)[whole:n])
		err := c.write(ctx, (*buffer)[:whole])
		buffers.Put(buffer)
		if err != nil {
			c.ws.CloseNow()
			io.Copy(io.Discard, c.pair) // until the server has noticed
			return
		}
	}
}

// write sends whole messages to the browser.
func (c *client) write(ctx context.Context, messages []byte) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.peerTimeout)
	defer cancel()
	c.receiving.Store(true)
	defer c.receiving.Store(false)
	return c.ws.Write(ctx, websocket.MessageBinary, messages)
}

// ping ends the client if it does not answer.
func (c *client) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.pingEvery)
	defer cancel()
	if !c.isBusy() {
		if err := c.ws.Ping(ctx); err != nil && !c.isBusy() {
			c.ws.CloseNow()
			return
		}
	}
	c.pings.Reset(c.pingEvery)
}

func (c *client) isBusy() bool { return c.sending.Load() || c.receiving.Load() }
