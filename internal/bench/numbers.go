package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sop-chat/internal/english"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// Numbers is the subprotocol of WebSockets in which each frame says which messages
// it has and when they were received, see docs/web.md. A client's own messages, which
// it is not sent, show as gaps between the numbers of others'.
const Numbers = "sop-chat.v2"

// What comes before the messages of a frame, in bytes.
const (
	numberSize    = 8 + 8              // number and time
	admissionSize = numberSize + 8 + 8 // and epoch and known, in the first frame
)

// A room is what the admissions of all clients have in common, because nobody says
// anything before the last of them.
type room struct {
	epoch, first uint64
	// ahead is how far the server's clock is ahead of this one, less what the
	// fastest admission took.
	ahead time.Duration
}

// Numbers are what a client has been told of its messages' numbers.
type numbers struct {
	before     [admissionSize]byte // what comes before the messages of the current frame
	have, need uint8               // bytes of it
	messages   uint64              // in the current frame
	next       uint64              // the number that comes next; 0 before the admission
	millis     uint64              // the time of the frame before
	echo       []byte              // of the admission, until the client has caught up
	caughtUp   bool
}

// A frameKind is what a frame of the subprotocol is.
type frameKind byte

const (
	continuing frameKind = iota // its messages go on where those before it ended, at the same time
	beginning                   // its messages are of another time, or come after the client's own
	admitting                   // it has the client's echo
	catchingUp                  // it says that nothing older comes
)

// take takes what comes before the messages of a frame off a part of its payload, and
// reports whether that is complete now.
func (n *numbers) take(payload []byte, f *frameReader) (rest []byte, complete bool, err error) {
	if n.need == 0 {
		if err := n.check(f); err != nil {
			return nil, false, err
		}
	}
	if n.have < n.need {
		took := copy(n.before[n.have:n.need], payload)
		payload = payload[took:]
		n.have += uint8(took)
		complete = n.have == n.need
	}
	if f.left == 0 {
		n.have, n.need = 0, 0
	}
	return payload, complete, nil
}

// check checks the form of a frame that begins.
func (n *numbers) check(f *frameReader) error {
	n.need = numberSize
	if n.next == 0 {
		n.need = admissionSize
	}
	size := f.length - uint64(n.need) // of the messages
	switch {
	case f.opcode == websocket.OpContinuation || !f.fin:
		return errors.New("a WebSocket message is in several frames, of which only the first would have a number")
	case n.next == 0 && size != wire.Size:
		return fmt.Errorf("the first frame has %s, where %d and the echo belong", english.Count(f.length, "byte"), admissionSize)
	case size == wire.NameSize+wire.Size:
		return errors.New("a frame says that its message does not have its sender's name, as all have that were sent")
	case f.length < numberSize || size%wire.Size != 0:
		return fmt.Errorf("a frame has %s, where %d and whole messages belong", english.Count(f.length, "byte"), numberSize)
	}
	n.messages = size / wire.Size
	return nil
}

// begin checks what a frame says before its messages. It returns how many of the
// client's own messages come before those.
func (n *numbers) begin(r *room) (kind frameKind, own uint64, err error) {
	number, millis := binary.BigEndian.Uint64(n.before[:]), binary.BigEndian.Uint64(n.before[8:])
	if n.next == 0 {
		n.next, n.millis = number, millis
		return admitting, 0, r.admit(number, millis, binary.BigEndian.Uint64(n.before[16:]), binary.BigEndian.Uint64(n.before[24:]))
	}
	if number < n.next {
		return 0, 0, fmt.Errorf("a frame has the number %d, where %d was next", number, n.next)
	}
	own = number - n.next
	n.next = number + n.messages
	switch {
	case !n.caughtUp:
		if n.caughtUp = true; n.messages > 0 || own > 0 {
			return 0, 0, errNotAlone
		}
		return catchingUp, 0, nil
	case n.messages == 0 && own == 0:
		return 0, 0, errors.New("a frame says nothing: it has no message, and no other number than the one before")
	case own == 0 && millis == n.millis:
		return continuing, 0, nil
	}
	n.millis = millis
	return beginning, own, nil
}

// admit checks what the first frame says, or takes it for the first of all clients.
func (r *room) admit(number, millis, epoch, known uint64) error {
	ahead := -time.Since(time.UnixMilli(int64(millis)))
	switch {
	case number == 0 || epoch == 0:
		return fmt.Errorf("the first frame has the number %d and the epoch %d; neither is ever 0", number, epoch)
	case known != 0:
		return fmt.Errorf("the server says that the messages up to number %d are known, to a client that has none", known)
	case r.first == 0:
		*r = room{epoch: epoch, first: number, ahead: ahead}
	case epoch != r.epoch:
		return fmt.Errorf("the server says that the epoch is %016x, and said %016x to others", epoch, r.epoch)
	case number != r.first:
		return fmt.Errorf("the server says that number %d comes next, and said %d to others: %w", number, r.first, errNotAlone)
	}
	r.ahead = max(r.ahead, ahead)
	return nil
}

// clock returns a time of the server by this clock.
func (r *room) clock(millis uint64) time.Time { return time.UnixMilli(int64(millis)).Add(-r.ahead) }
