package bench

import (
	"bytes"
	"fmt"

	"sop-chat/internal/wire"
)

// A Dialect is how a server is spoken to: what is said to be let in, and what
// is around each message, there and back. All messages are wire.Size long, so
// everything around them can be constant.
type Dialect struct {
	Hello Hello
	// Welcome reports whether answer is the whole of what a server says to a
	// client that it lets in, or why it can't become that.
	Welcome func(hello, answer []byte) (whole bool, err error)
	// Publish is around a message to the server, Deliver around one from it.
	Publish, Deliver Envelope
	// Ignore, if there is one, may come between two messages.
	Ignore []byte
	// AnyOrder says that the server does not promise one order of all messages
	// to all clients; then only the order of each sender's is checked.
	AnyOrder bool
	// Apart says that senders need connections of their own, on which they are
	// delivered nothing. Whatever comes there is left unread.
	Apart bool
	// WebSocket, if there is one, is what all of this travels in, in binary
	// frames: a message and its envelope each on the way to the server. Those
	// of the server have whole messages if nothing is around them, and are
	// pieces of a stream otherwise.
	WebSocket *WebSocket
	// Subprotocol is asked for when a WebSocket is opened. It is Numbers, or ""
	// for none.
	Subprotocol string
}

// A Hello returns what a client says first. One that receives nothing only sends, see
// Dialect.Apart.
type Hello func(name string, receives bool) []byte

// bare reports whether messages come end to end.
func (d *Dialect) bare() bool { return d.Deliver == (Envelope{}) && len(d.Ignore) == 0 }

// An Envelope is what is around a message.
type Envelope struct{ Before, After string }

func (e Envelope) size() int { return len(e.Before) + wire.Size + len(e.After) }

// Chat returns the dialect of chat rooms with a key, see docs/protocol.md.
func Chat(key string) Dialect {
	return Dialect{
		Hello: func(name string, _ bool) []byte {
			hello, err := wire.New(name, key)
			if err != nil {
				panic("bench: " + err.Error()) // the caller has checked the key
			}
			return hello[:]
		},
		Welcome: func(hello, answer []byte) (bool, error) {
			if len(answer) < len(hello) {
				return false, nil
			}
			if !bytes.HasPrefix(answer, hello) {
				return false, fmt.Errorf("the server's echo is not what was sent, but %.80q", answer)
			}
			if len(answer) > len(hello) {
				return false, errNotAlone
			}
			return true, nil
		},
		Subprotocol: Numbers,
	}
}

// unwrap takes the messages out of what a client receives, up to the first that
// is not whole. It returns them end to end, and how many bytes of the stream
// they were. Without envelopes they lie there already; otherwise they are
// copied into space.
func (d *Dialect) unwrap(stream, space []byte) (messages []byte, n int, err error) {
	if d.bare() {
		n = wire.Whole(len(stream))
		return stream[:n], n, nil
	}
	messages = space[:0]
	for size := d.Deliver.size(); ; {
		rest := stream[n:]
		switch {
		case len(d.Ignore) > 0 && bytes.HasPrefix(rest, d.Ignore):
			n += len(d.Ignore)
			continue
		case len(rest) < size:
			return messages, n, nil
		case !d.Deliver.isAround(rest[:size]):
			return nil, n, fmt.Errorf("received %.80q where a message was to begin", rest)
		}
		messages = append(messages, rest[len(d.Deliver.Before):][:wire.Size]...)
		n += size
	}
}

func (e Envelope) isAround(b []byte) bool {
	return bytes.HasPrefix(b, []byte(e.Before)) && bytes.HasSuffix(b, []byte(e.After))
}
