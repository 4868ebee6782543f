package broadcast

import (
	"net/netip"
	"time"
)

// A Sender is a client as the readers of a room know it. It never changes, and
// it lives for as long as a message or a notice in the log refers to it, which
// may be longer than its connection.
type Sender struct {
	ID   uint64         // counts connections since the server started, from 1
	Name string         // as it authenticated, blanks trimmed
	Addr netip.AddrPort // where it connects from
}

// A NoticeKind says what a Notice is about.
type NoticeKind uint8

// What can happen in a room besides messages.
const (
	// Accepted: a client gave the right key and found a place.
	Accepted NoticeKind = iota + 1
	// Refused: a client gave a wrong key, or found no place. Reason says which.
	Refused
	// Joined: a client has its echo and receives messages from here on.
	Joined
	// Left: the connection of a client that had joined ended. Reason says how.
	Left
)

// noticesKept is how many notices the log keeps for readers that lag. They are
// for showing, not for keeping: older ones are overwritten, and counted by the
// reader that missed them.
const noticesKept = 4096

// A Notice is an event that has its place between the messages of a room but
// is none itself: it is never sent to a client.
type Notice struct {
	Kind   NoticeKind
	From   *Sender
	Key    string // the key that was given, with Accepted and Refused
	Reason string // with Refused and Left
	Time   time.Time

	at Position // the message before which it stands
}
