// Package torture judges a chat on many machines by what its clients sent and
// received: whether something was lost, doubled, or had another order for one client
// than for another. Its tests run such a chat, of processes that are killed, stopped
// and cut off from each other at random, and have it judged.
//
// The judge knows no servers, no sockets and no clock.
package torture

import "fmt"

// A History is what clients did and saw, all together in the order in which it was
// written down. An event that was written down after another one also happened after
// it, except that a message was received some time before that was written down, and is
// sent some time after.
type History struct {
	Clients []Client
	Events  []Event
}

// A Client sends messages to one room, and receives those of others, over one
// connection after the other.
type Client struct {
	Name string
	Room string
	// Numbered says that it speaks sop-chat.v2: each message has a number, and after a
	// connection has broken it gets what it missed. Others begin anew each time.
	Numbered bool
	// Browser says that it is a page in a browser, of which only is known what it shows: no
	// connections and no numbers. It joins once, and again when it has missed so much that it
	// shows only the end of that.
	Browser bool
}

// isAcknowledged reports whether a client learns what of its own has arrived, and sends the rest
// again.
func (c Client) isAcknowledged() bool { return c.Numbered || c.Browser }

// A Message is one that a client sent. A client sends each message once, or, if it is
// numbered, again over a later connection if it was not acknowledged. What a browser sends
// again is not in its history.
type Message struct {
	Client int32 // its index in History.Clients
	Count  int32 // how many the client had sent before
}

func (m Message) String() string { return fmt.Sprintf("%d/%d", m.Client, m.Count) }

// A Kind is what happened in an event.
type Kind uint8

// The kinds of events.
const (
	// Joined is that Server let Client in. A numbered client is told that it has all
	// messages of Epoch up to Number, and that what it gets begins with First.
	Joined Kind = iota + 1
	// Sent is that Client begins to send Message.
	Sent
	// Received is that Client received Message, with Number if it is numbered.
	Received
	// Acknowledged is that Client was told that its own Message has Number, or a browser shows
	// where it is.
	Acknowledged
	// Invented is that Client received what nobody can have sent.
	Invented
	// Left is that the connection of Client ended. A client that is not numbered ends it
	// only by ending its stream and then receiving all until the server's end, so that
	// nothing that it sent is lost by that.
	Left
	// Killed is that Server is about to be killed. It has no Client.
	Killed
)

var kinds = [...]string{"", "joined", "sent", "received", "acknowledged", "invented", "left", "killed"}

func (k Kind) String() string { return kinds[k] }

// An Event is something that happened. Which fields are set depends on its Kind.
type Event struct {
	Kind    Kind
	Client  int32 // an index in History.Clients
	Server  int32
	Message Message
	Number  uint64
	First   uint64
	Epoch   uint64
}

func (e Event) String() string {
	switch e.Kind {
	case Killed:
		return fmt.Sprintf("server %d killed", e.Server)
	case Joined:
		return fmt.Sprintf("%d joined server %d, epoch %x, has %d, gets %d", e.Client, e.Server, e.Epoch, e.Number, e.First)
	case Sent, Received, Acknowledged:
		return fmt.Sprintf("%d %v %v, number %d", e.Client, e.Kind, e.Message, e.Number)
	}
	return fmt.Sprintf("%d %v", e.Client, e.Kind)
}
