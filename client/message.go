package client

import "time"

// A Message is a message of another client.
//
// Over plain TCP only Name and Text are known. The other fields are set if the
// address is that of a page, see Dial.
type Message struct {
	// Name is the sender's name, as the message says. It may have blanks around it.
	// A client can put any name there, see From.
	Name string
	// Text may be empty. Name and Text may be invalid UTF-8 and contain control
	// characters.
	Text string

	// Number is the message's place in the room: each message has the number after
	// that of the one before. It is 0 if it is not known, and if the server says
	// something to this client alone, such as its message of the day.
	Number uint64
	// Time is when the server took the message, or up to a second earlier. It is the
	// zero Time if it is not known.
	Time time.Time
	// From is the name with which the sender joined, blanks cut off. It is empty if it
	// is not known. Different clients can join with the same name.
	From string
	// Old says that the message may have been sent before this client joined: it was
	// replayed, or missed and caught up on. Over plain TCP nothing tells a replay from
	// what is said now: a Client never sets it there, and a Session does for what comes
	// right after joining, see Stay.
	Old bool
	// Own says that this client sent the message, over this connection or over the one
	// of Resume, and that the server has taken it now. See WithOwn.
	Own bool
	// Missed is how many messages right before this one will never be received: the
	// client was away, and neither the server's memory nor its history has them. Their
	// numbers are those before Number.
	Missed uint64
}
