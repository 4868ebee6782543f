package client

// A State is what a client has of a room: what it received, and what it sent. With
// Resume another connection goes on from there. It can be stored, as JSON for
// example. The zero State is that of a client that has nothing.
type State struct {
	// Epoch is the server's identifier of the run in which Number was given, 0 over
	// plain TCP.
	Epoch uint64
	// Number is that of the last message that Receive has returned; the client has all
	// before it, too.
	Number uint64
	// Client is a random number by which the server knows the client again.
	Client uint64
	// Server is the number of the server of a cluster that may have yet to deliver those of
	// Unacknowledged, or 0.
	Server uint64
	// Unacknowledged are the messages that were sent and may not have arrived, see
	// Client.Unacknowledged.
	Unacknowledged []string
}

// State returns the state of the client, to be given to Resume after the connection
// has ended. Call it when no Receive is under way.
func (c *Client) State() State {
	s := State{Client: c.id, Unacknowledged: c.Unacknowledged()}
	if c.room != nil {
		s.Epoch, s.Number = c.room.position()
		s.Server = c.room.isAt()
	}
	return s
}

// from returns the server that is to deliver nothing more.
func (s *State) from() uint64 {
	if len(s.Unacknowledged) == 0 {
		return 0
	}
	return s.Server
}

// Resume makes Dial continue where another connection to the same room, under the
// same name, has ended. It needs the address of a page; over plain TCP it has no
// effect, because the protocol has no numbers.
//
// Receive then begins with what was said since, in order and each message once: from
// the server's memory, and what is no longer there from its history, if it keeps one.
// Message.Missed counts what is in neither.
//
// Among these messages are those of the state's Unacknowledged that had arrived. They
// are recognised and not returned, or with WithOwn as one's own. Unacknowledged
// returns the others, exactly once the client has caught up: send them again, before
// anything else.
//
//	c, err := client.Dial(ctx, addr, name, key, client.Resume(state))
//	…
//	<-c.CaughtUp() // while another goroutine receives; or the connection ends
//	for _, text := range c.Unacknowledged() {
//		err := c.Send(ctx, text)
//		…
//	}
//
// The server ends the former connection, if it is still there, and takes all that came
// over it before it admits this one. At another server of a cluster, nothing that came over
// it arrives after that. Own messages that are among those that Missed
// counts can't be recognised, and arrive twice if they are sent again.
func Resume(s State) Option {
	return func(o *options) { o.state = s }
}

// WithOwn makes Receive return the client's own messages, too, with Own set, where
// they are in the room's order, when the server has taken them. It has no effect over
// plain TCP.
func WithOwn() Option {
	return func(o *options) { o.own = true }
}

// Numbered reports whether the client has joined through a page, so that messages have
// numbers.
func (c *Client) Numbered() bool { return c.room != nil }

// Resumed reports whether the server knew the state of Resume, so that nothing is
// missed except what Message.Missed counts. It does not if it was started again
// without a history, for example. Then everything is as without Resume.
func (c *Client) Resumed() bool { return c.room != nil && c.room.resumed }

// CaughtUp returns a channel that is closed when Receive has returned all that was in
// the room when the client joined, and not if the connection ends before. Receive or
// Finish must be under way for that, so wait for it on another goroutine. Over plain TCP it is closed from the beginning,
// because nothing is known of it.
func (c *Client) CaughtUp() <-chan struct{} { return c.caughtUp }
