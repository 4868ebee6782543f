package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	library "github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A client's bytes have the same result as with the library and the gateway's rules on
// top of it: the same messages, the same last pong, and the same status at the end.
// allowed says what may differ, where the RFC demands more than the library checks.
func FuzzLikeTheLibrary(f *testing.F) {
	corpus(f, func(input []byte) { f.Add(input) })
	// The library sees a frame only when it is complete, so pongs complete the last one.
	pongs := bytes.Repeat(pong("").encode(), 25)
	f.Fuzz(func(t *testing.T, input []byte) {
		compare(t, input)
		compare(t, slices.Concat(input, pongs))
	})
}

func compare(t *testing.T, input []byte) {
	ours, theirs := decode(t, input), readByLibrary(t, input)
	if !strings.HasPrefix(ours.data, theirs.data) && !(mayReadOn(ours) && strings.HasPrefix(theirs.data, ours.data)) {
		t.Fatalf("other messages\nours: %v\nthe library's: %v", ours, theirs)
	}
	// The library has a WebSocket message only when it is complete.
	if len(ours.data) > len(theirs.data)+MaxMessage || ours.idle && ours.data != theirs.data {
		t.Fatalf("more messages\nours: %v\nthe library's: %v", ours, theirs)
	}
	if ours.pongDue != "" && ours.pongDue != theirs.lastPong {
		t.Errorf("another pong\nours: %v\nthe library's: %v", ours, theirs)
	}
	if ours.close != theirs.status && !allowed(ours, theirs) {
		t.Errorf("another end\nours: %v\nthe library's: %v", ours, theirs)
	}
}

// mayReadOn reports whether the library may go on where ours ends. It does not check that
// a length is encoded in as few bytes as possible, so to it a control frame that has a
// longer length field than it may have can be short.
func mayReadOn(ours outcome) bool {
	return ours.broke == errLength.text || ours.broke == errControl.text
}

// allowed reports whether the status may differ from the library's; 0 is none.
func allowed(ours outcome, theirs libraryOutcome) bool {
	if mayReadOn(ours) {
		return true
	}
	switch ours.broke {
	case "":
		return false
	case errReason.text:
		return theirs.status != 0 // it does not check the reason
	case errUnmasked.text, errLengthBits.text:
		return theirs.status == 0 // it closes the connection at once
	case errKind.text, errLarge.text:
		// Ours answers the header. The library reads on until the WebSocket message is
		// complete, and may meet another violation or the end of the input.
		return true
	}
	// The input ended within the frame, or the frame was not masked either.
	return theirs.status == 0
}

// A libraryOutcome is what the library made of some bytes.
type libraryOutcome struct {
	data     string
	lastPong string // the frame
	status   Status
	err      error
}

func (l libraryOutcome) String() string {
	return fmt.Sprintf("%d bytes of messages (%x), close %d, pong %q, %v", len(l.data), sha1.Sum([]byte(l.data)), l.status, l.lastPong, l.err)
}

// readByLibrary reads a client's bytes with the library, by the gateway's rules.
func readByLibrary(t *testing.T, input []byte) libraryOutcome {
	var result libraryOutcome
	conn := &recording{in: bytes.NewReader(input)}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = opening()
	ws, err := library.Accept(&hijacked{httptest.NewRecorder(), conn}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	conn.out.Reset() // what it answered the handshake
	ws.SetReadLimit(MaxMessage + 1)
	for result.err == nil {
		result.err = readMessage(ws, &result)
	}
	ws.CloseNow()
	result.answers(t, conn.out.Bytes())
	return result
}

// readMessage reads a WebSocket message, and closes the WebSocket if it breaks a rule.
func readMessage(ws *library.Conn, result *libraryOutcome) error {
	kind, message, err := ws.Reader(context.Background())
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(message, MaxMessage+1))
	switch {
	case err != nil:
		return err
	case len(b) > MaxMessage:
		ws.Close(library.StatusMessageTooBig, "")
		return errors.New("too large")
	case kind != library.MessageBinary || wire.Whole(len(b)) != len(b):
		ws.Close(library.StatusUnsupportedData, "")
		return errors.New("not messages")
	}
	result.data += string(b)
	return nil
}

// answers takes the pongs and the close frame from what the library wrote.
func (l *libraryOutcome) answers(t *testing.T, written []byte) {
	for len(written) > 0 {
		if len(written) < 2 || int(written[1]) > len(written)-2 || written[1] > MaxControl {
			t.Fatalf("the library wrote %x", written)
		}
		frame, payload := string(written[:2+written[1]]), written[2:2+written[1]]
		written = written[len(frame):]
		switch frame[0] & BitsOpcode {
		case OpPong:
			l.lastPong = frame
		case OpClose:
			if l.status = NoStatus; len(payload) > 0 {
				l.status = Status(binary.BigEndian.Uint16(payload))
			}
		}
	}
}

// A recording is a connection from which in can be read, and which records what is
// written. It fails at the end of in: the library would take an EOF after a header for
// the end of the WebSocket message.
type recording struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (r *recording) Read(b []byte) (int, error) {
	if r.in.Len() == 0 {
		return 0, net.ErrClosed
	}
	return r.in.Read(b)
}

func (r *recording) Write(b []byte) (int, error)      { return r.out.Write(b) }
func (r *recording) Close() error                     { return nil }
func (r *recording) LocalAddr() net.Addr              { return nil }
func (r *recording) RemoteAddr() net.Addr             { return nil }
func (r *recording) SetDeadline(time.Time) error      { return nil }
func (r *recording) SetReadDeadline(time.Time) error  { return nil }
func (r *recording) SetWriteDeadline(time.Time) error { return nil }

// A hijacked is a response whose connection the library takes over.
type hijacked struct {
	*httptest.ResponseRecorder
	conn *recording
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}
