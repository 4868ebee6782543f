package broadcast

import (
	"net/netip"
	"time"
)

// A Sender is a client as the readers of a room know it. It never changes. It
// lives for as long as a message or a notice in the log refers to it, which may be
// longer than its connection.
type Sender struct {
	ID   uint64         // counts connections since the server started, from 1; 0 if it is no client
	Name string         // as it authenticated, blanks trimmed
	Addr netip.AddrPort // where it connects from
}

// Elsewhere is in the ID of a sender whose connection is one of another server, so that it
// is never that of one here.
const Elsewhere = 1 << 63

// IsElsewhere reports whether the sender is a client of another server.
func (s *Sender) IsElsewhere() bool { return s.ID&Elsewhere != 0 }

// A NoticeKind says what a Notice is about.
type NoticeKind uint8

// What can happen in a room besides messages.
const (
	// Accepted: a client gave the right key and got a slot.
	Accepted NoticeKind = iota + 1
	// Refused: a client gave a wrong key, or got no slot. Reason says which.
	Refused
	// Joined: a client has its echo and receives messages from here on.
	Joined
	// Left: the connection of a client that had joined ended. Reason says how.
	Left
	// Waiting: nothing that is said is delivered for now, at all clients of the server. Reason says
	// why. From is nil.
	Waiting
	// Resumed: what is said is delivered again. From is nil.
	Resumed
)

// noticesKept is how many notices the log keeps for followers that lag. Older ones
// are overwritten; a follower that missed some is told how many.
const noticesKept = 4096

// A Notice is an event between two messages of a room. It is never sent to a
// client.
type Notice struct {
	Kind   NoticeKind
	From   *Sender // nil with Waiting and Resumed
	Key    string  // the key that was given, with Accepted and Refused; not if there is a label
	Label  string  // whose key it was, with Accepted, if it was not the room's
	Reason string  // with Refused, Left and Waiting
	Time   time.Time

	at Position // the message before which it stands
}

// A noticeRing keeps the last notices, as many as a follower has yet to take, up to
// noticesKept.
type noticeRing []*Notice

func (r noticeRing) at(number uint64) *Notice { return r[number%uint64(len(r))] }

// put adds the notice with a number, of which that many before it have yet to be taken.
func (r *noticeRing) put(number uint64, n *Notice, untaken uint64) {
	if former := *r; untaken >= uint64(len(former)) && len(former) < noticesKept {
		*r = make(noticeRing, max(4, 2*len(former)))
		for i := number - uint64(len(former)); i < number; i++ {
			(*r)[i%uint64(len(*r))] = former.at(i)
		}
	}
	(*r)[number%uint64(len(*r))] = n
}

// firstNotice returns the number of the first notice that a follower has yet to take.
// The caller holds l.mu.
func (l *Log) firstNotice() uint64 {
	first := l.noticeNo.Load()
	for _, c := range *l.readers.Load() {
		if c.follower != nil {
			first = min(first, c.follower.nextNotice)
		}
	}
	return first
}
