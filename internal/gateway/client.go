//go:build linux

package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// maxFrame is how many bytes a client may put into one frame. A page sends a
// message a frame; a client with more to say may put some together.
const maxFrame = 32 * wire.Size

// buffers are of one frame each, and the byte by which a longer one is known.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, maxFrame+1)
	return &b
}}

// begun is what times are counted from, by a clock that nobody sets.
var begun = time.Now()

// A client is a WebSocket and Go's end of its socket pair. Two goroutines copy:
//
//	browser ══ WebSocket ──upstream──▶ pair ══ server
//	                     ◀─downstream─
//
// Neither reads on before what it has is written. So the pair slows a sender
// down, as TCP would: what the browser does not take waits in the room's
// log, and while the room is held nothing is read from the browser.
//
// Each end follows from the other. When the WebSocket ends, upstream closes its
// direction of the pair; the server reads what was sent until then, and closes
// the other, which ends downstream. When the server closes its end, downstream
// closes the WebSocket, which ends upstream.
//
// The browser's share in that has a deadline (farewell). It is one of the
// connection beneath, because not all that the library waits for has one.
type client struct {
	ws      *websocket.Conn
	conn    *conn // beneath ws
	pair    *net.UnixConn
	peer    netip.Addr
	timeout struct{ ping, peer time.Duration }
	pings   *time.Timer
	stall   *time.Timer // runs while something is written to the browser

	// Set while upstream waits for the server, downstream for the browser: a
	// ping then proves nothing.
	sending, receiving atomic.Bool
	receivingSince     atomic.Int64 // in nanoseconds since begun

	ending   sync.Once
	farewell *time.Timer
}

const (
	// farewell is how long a WebSocket may take to end once either side has
	// ended: to take what is left, and to answer the close frame.
	farewell = 3 * time.Second
	// stallLooks is how often is looked whether the server waits any longer for
	// a browser that does not take what is written.
	stallLooks = time.Second
)

// start begins to copy, and counts the goroutines in running. ctx ends it all.
func (c *client) start(ctx context.Context, running *sync.WaitGroup) {
	c.ws.SetReadLimit(maxFrame + 1) // or the library's words came before ours
	unhook := context.AfterFunc(ctx, c.conn.reset)
	c.pings, c.stall = stopped(c.ping), stopped(c.checkStall)
	c.pings.Reset(c.timeout.ping)
	ended := make(chan struct{})
	running.Go(func() {
		c.downstream()
		close(ended)
	})
	running.Go(func() {
		c.upstream()
		c.end()
		c.pair.CloseWrite()
		<-ended
		c.pings.Stop()
		c.farewell.Stop()
		unhook()
		c.pair.Close()
	})
}

// stopped returns a timer that runs when it is reset.
func stopped(do func()) *time.Timer {
	t := time.AfterFunc(time.Hour, do)
	t.Stop()
	return t
}

// end sets the deadline by which the browser has to be gone. The connection is
// one of those that are no member's from now on.
func (c *client) end() {
	c.ending.Do(func() {
		c.farewell = time.AfterFunc(farewell, c.conn.reset)
		c.conn.limiter.expire(c.conn, c.peer)
	})
}

// upstream copies what the browser sends to the server, until either ends.
func (c *client) upstream() {
	for {
		kind, frame, err := c.ws.Reader(context.Background())
		if err != nil {
			return
		}
		buffer := buffers.Get().(*[]byte)
		n, err := io.ReadFull(frame, *buffer)
		switch {
		case err == nil || n > maxFrame:
			c.close(websocket.StatusMessageTooBig, "a frame has 32 messages at most")
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			// The connection broke.
		case kind != websocket.MessageBinary || n == 0 || wire.Whole(n) != n:
			c.close(websocket.StatusUnsupportedData, "a frame is binary and has messages of 512 bytes")
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
func (c *client) downstream() {
	var rest [wire.Size]byte // of a message of which more is to come
	have, isMember := 0, false
	for {
		buffer, n := readSome(c.pair, rest[:have])
		if n == 0 {
			if buffer != nil {
				buffers.Put(buffer)
			}
			c.close(websocket.StatusNormalClosure, "the server closed the connection")
			return
		}
		if !isMember { // or the server would have said nothing
			isMember = true
			c.conn.limiter.release(c.conn)
		}
		whole := wire.Whole(n)
		have = copy(rest[:], (*buffer)[whole:n])
		err := c.write((*buffer)[:whole])
		buffers.Put(buffer)
		if err != nil {
			c.conn.reset()
			c.ws.CloseNow()
			io.Copy(io.Discard, c.pair) // until the server has noticed
			return
		}
	}
}

// close ends the WebSocket with a code that says why.
func (c *client) close(code websocket.StatusCode, reason string) {
	c.end()
	c.ws.Close(code, reason)
}

// write sends whole messages to the browser.
func (c *client) write(messages []byte) error {
	if len(messages) == 0 {
		return nil
	}
	c.receivingSince.Store(int64(time.Since(begun)))
	c.receiving.Store(true)
	c.stall.Reset(min(stallLooks, c.timeout.peer))
	err := c.ws.Write(context.Background(), websocket.MessageBinary, messages)
	c.receiving.Store(false)
	c.stall.Stop()
	return err
}

// checkStall checks whether a browser that does not take what is written is to
// be waited for any longer: the server may have given it up, or it may be dead.
func (c *client) checkStall() {
	if !c.receiving.Load() {
		return
	}
	took := time.Since(begun) - time.Duration(c.receivingSince.Load())
	switch {
	case isHungUp(c.pair):
		c.end()
	case took >= c.timeout.peer:
		c.conn.reset()
	default:
		c.stall.Reset(min(stallLooks, c.timeout.peer))
	}
}

// ping ends the client if it does not answer.
func (c *client) ping() {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout.ping)
	defer cancel()
	if !c.isBusy() {
		if err := c.ws.Ping(ctx); err != nil && !c.isBusy() {
			c.conn.reset()
			return
		}
	}
	c.pings.Reset(c.timeout.ping)
}

func (c *client) isBusy() bool { return c.sending.Load() || c.receiving.Load() }
