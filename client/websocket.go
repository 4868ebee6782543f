package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A webSocket carries the subprotocol over a link. It reads on a goroutine of its own,
// because the library ends a connection with the context of a read that is
// interrupted, and so that pings are answered while nobody receives. At most one part
// of a frame waits to be received, so that a slow receiver slows down the server.
type webSocket struct {
	conn *websocket.Conn
	link *link

	frames  chan frame    // closed when err is set
	err     error         // why nothing more comes
	waiting atomic.Bool   // for the receiver
	handed  atomic.Int64  // how many frames the receiver was handed
	closed  chan struct{} // closed by close
	probing chan struct{} // holds a token after a call of probe

	mu       sync.Mutex
	isClosed bool
	others   sync.WaitGroup // begins nothing after isClosed
}

const (
	// maxSent is how many bytes of messages a frame to the server may have.
	maxSent = 32 * wire.Size
	// frameBuffer is how many bytes of messages are received at once.
	frameBuffer = readSize
)

// The status codes with which a server refuses a client, see docs/web.md.
const (
	statusWrongKey  websocket.StatusCode = 4401
	statusNameTaken websocket.StatusCode = 4409
	statusRoomFull  websocket.StatusCode = 4503
	statusKicked    websocket.StatusCode = 4403 // also later
)

// dialWebSocket asks the page at addr for a WebSocket.
func dialWebSocket(ctx context.Context, addr string, o options) (*webSocket, error) {
	var l *link
	transport := &http.Transport{
		// Over TLS, too, the link is below. The transport does TLS by itself.
		DialContext: func(ctx context.Context, network, hostPort string) (net.Conn, error) {
			conn := o.conn
			if conn == nil {
				var err error
				if conn, err = new(net.Dialer).DialContext(ctx, network, hostPort); err != nil {
					return nil, err
				}
			}
			l = newLink(conn, o.silence)
			return l, nil
		},
		TLSClientConfig:   o.tls.Clone(),
		DisableKeepAlives: true,
	}
	path := fmt.Sprintf("ws?motd=1&client=%016x&from=%016x", o.state.Client, o.state.from())
	if o.state.Epoch != 0 {
		path += fmt.Sprintf("&epoch=%016x&after=%d", o.state.Epoch, o.state.Number)
	}
	conn, response, err := websocket.Dial(ctx, below(addr, path), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport, CheckRedirect: noRedirect},
		Subprotocols: []string{Subprotocol},
	})
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && response != nil:
		err = newHandshakeError(addr, response, err)
	case err != nil && endOfStream(err):
		err = &HandshakeError{Addr: addr, Reason: "it ends the connection instead of answering; is this the port of the page (--web)?"}
	case err == nil && conn.Subprotocol() != Subprotocol:
		err = &HandshakeError{Addr: addr, Reason: "it does not speak " + Subprotocol + ", as older servers don't"}
	}
	if err != nil {
		if conn != nil {
			conn.CloseNow()
		}
		if l != nil {
			l.Close()
		}
		return nil, plainError(err)
	}
	conn.SetReadLimit(-1) // a frame has all that is new; it is read in parts
	return &webSocket{
		conn: conn, link: l,
		frames: make(chan frame), closed: make(chan struct{}), probing: make(chan struct{}, 1),
	}, nil
}

// noRedirect follows no redirection: the key would go to another place than the user
// said.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newHandshakeError returns the error for an answer that opens no WebSocket.
func newHandshakeError(addr string, response *http.Response, err error) error {
	e := &HandshakeError{Addr: addr, Status: response.StatusCode}
	switch place := response.Header.Get("Location"); {
	case place != "" && response.StatusCode/100 == 3:
		e.Reason = fmt.Sprintf("it sends us to %q; use that address, without its last part", place)
	case response.StatusCode == http.StatusSwitchingProtocols:
		e.Reason = err.Error()
	default:
		e.Reason = fmt.Sprintf("it answers %q", response.Status)
		if says := firstLine(response); says != "" {
			e.Reason += fmt.Sprintf(", and says: %q", says)
		}
	}
	return e
}

// firstLine returns the beginning of an answer, if it is plain text.
func firstLine(response *http.Response) string {
	if response.Body == nil || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		return ""
	}
	const longest = 200
	b, _ := io.ReadAll(io.LimitReader(response.Body, longest))
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}

// plainError returns the error of the network in an error of the libraries, which
// otherwise say at length what they were doing.
func plainError(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// authenticate sends the first message and reads the admission. It returns a
// RefusedError without an address, or io.EOF, if the server ends the connection instead.
func (w *webSocket) authenticate(first *wire.Message) (a admission, err error) {
	// If the server has closed the connection, reading fails, too.
	writeErr := w.write(first[:])
	_, content, err := w.conn.Reader(context.Background())
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(content, admissionSize+serverSize+1)); err == nil {
			return parseAdmission(b)
		}
	}
	return a, errors.Join(ending(err), writeErr)
}

// start begins to read what comes after the admission.
func (w *webSocket) start() {
	w.others.Go(func() {
		defer close(w.frames)
		w.err = w.read()
	})
	if w.link.tcp == nil {
		w.others.Go(w.ping)
	}
}

// read reads frames until the connection ends, and returns why it did.
func (w *webSocket) read() error {
	// The receiver uses one while the other is filled.
	buffers := [2][]byte{make([]byte, frameBuffer), make([]byte, frameBuffer)}
	for n := 0; ; {
		kind, content, err := w.conn.Reader(context.Background())
		if err != nil {
			return err
		}
		var header [headerSize]byte
		if _, err := io.ReadFull(content, header[:]); err != nil {
			return &protocolError{"a frame has no header"}
		}
		if kind != websocket.MessageBinary {
			return &protocolError{"a frame is text"}
		}
		f := parseHeader(header[:])
		for isFirst, isLast := true, false; !isLast; isFirst = false {
			b := buffers[n%2]
			size, err := io.ReadFull(content, b)
			isLast = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !isLast {
				return err
			}
			if size == 0 && !isFirst {
				break
			}
			if err := f.setBody(b[:size], isFirst && isLast); err != nil {
				return err
			}
			if !w.hand(f) {
				return net.ErrClosed
			}
			f.number += uint64(size / wire.Size)
			n++
		}
	}
}

// hand hands a frame to the receiver. It reports false after close.
func (w *webSocket) hand(f frame) bool {
	w.waiting.Store(true)
	defer w.waiting.Store(false)
	select {
	case w.frames <- f:
		w.handed.Add(1)
		return true
	case <-w.closed:
		return false
	}
}

// next returns the next frame, whose content is valid until the following call.
func (w *webSocket) next(ctx context.Context) (frame, error) {
	select {
	case f, ok := <-w.frames:
		if !ok {
			return f, ending(w.err)
		}
		return f, nil
	case <-ctx.Done():
		return frame{}, context.Cause(ctx)
	}
}

// ending returns why the server ended a connection, which is io.EOF if it did so in
// order.
func ending(err error) error {
	closed, isClosed := errors.AsType[websocket.CloseError](err)
	switch {
	case !isClosed && errors.Is(err, io.EOF):
		return io.EOF
	case !isClosed:
		return plainError(err)
	}
	switch closed.Code {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusServiceRestart, websocket.StatusNoStatusRcvd:
		return io.EOF
	case statusWrongKey:
		return &RefusedError{Reason: WrongKey}
	case statusNameTaken:
		return &RefusedError{Reason: NameTaken}
	case statusRoomFull:
		return &RefusedError{Reason: RoomFull}
	case websocket.StatusTryAgainLater:
		return &RefusedError{Reason: Draining}
	case statusKicked:
		return &KickedError{Reason: closed.Reason}
	}
	return fmt.Errorf("the server ended it with the code %d %q", int(closed.Code), closed.Reason)
}

// write sends messages.
func (w *webSocket) write(messages []byte) error {
	for b := range slices.Chunk(messages, maxSent) {
		if err := w.conn.Write(context.Background(), websocket.MessageBinary, b); err != nil {
			return plainError(err)
		}
	}
	return nil
}

// finish begins to end the connection in order.
func (w *webSocket) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isClosed {
		w.others.Go(func() { w.conn.Close(websocket.StatusNormalClosure, "") })
	}
}

func (w *webSocket) close() error {
	w.mu.Lock()
	w.isClosed = true
	w.mu.Unlock()
	close(w.closed)
	err := w.link.Close() // so that nothing waits for the server
	w.conn.CloseNow()
	w.others.Wait()
	return err
}

// probe makes the server answer within probeTimeout, or the connection ends.
func (w *webSocket) probe() {
	select {
	case w.probing <- struct{}{}:
	default:
	}
}

// ping sends pings over a connection of which the kernel can't say whether the other
// end is there.
func (w *webSocket) ping() {
	again := time.NewTicker(w.link.silence / 2)
	defer again.Stop()
	for {
		timeout := w.link.silence / 2
		select {
		case <-again.C:
		case <-w.probing:
			timeout = min(timeout, probeTimeout)
		case <-w.closed:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		before := w.handed.Load()
		err := w.conn.Ping(ctx)
		cancel()
		// While the receiver is waited for, no answer is read.
		if err != nil && !w.waiting.Load() && w.handed.Load() == before {
			w.link.abandon()
			return
		}
	}
}
