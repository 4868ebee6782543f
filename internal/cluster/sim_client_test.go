package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"sop-chat/internal/broadcast"
)

// A simClient does what a page does: it goes to any server at any time, is told which of its
// messages have arrived, and sends the others again, in their order.
type simClient struct {
	id      uint64
	room    string
	said    int // its last message; they are numbered from 1
	arrived int // up to there, as far as it knows
	conn    *simConn
	from    string // the server at which it last knew what had arrived
	waits   *simVisit
}

// A simConn is a client's connection to a server, whether or not the client still has it.
type simConn struct {
	client *simClient
	server *simServer
	sender *broadcast.Sender
	unread []int // is in the server's socket
	ended  bool  // by the server, or with it
}

// A simVisit is what a client waits for before a server lets it in.
type simVisit struct {
	server   *simServer
	recalled bool
}

func (c *simClient) text(i int) string { return fmt.Sprintf("client%d/%d", c.id, i) }

// act has a client do something.
func (w *world) actClient(c *simClient) {
	switch {
	case c.conn != nil && (c.conn.ended || w.chance(0.02)): // notices it, or goes elsewhere
		w.counts["moved"]++
		c.conn = nil
	case c.conn != nil && !w.isQuiet && c.said-c.arrived < 20:
		for range w.rng.IntN(3) {
			c.said++
			c.conn.unread = append(c.conn.unread, c.said)
		}
	case c.conn != nil:
	case c.waits == nil:
		if s := w.any(); s != nil {
			w.visit(c, s)
		}
	case c.waits.server.isDead || w.chance(0.01): // gives up
		c.waits = nil
	case c.waits.recalled && !c.isBusyAt(c.waits.server):
		w.admit(c)
	}
}

// visit has a client ask a server to let it in.
func (w *world) visit(c *simClient, s *simServer) {
	v := &simVisit{server: s}
	c.waits = v
	if v.recalled = c.said == c.arrived || c.from == "" || c.from == s.name && c.isBusyAt(s); !v.recalled {
		s.recall(c.room, c.id, ServerID(c.from), func() { v.recalled = true })
		w.counts["recalled"]++
	}
}

// isBusyAt reports whether a server has yet to read a former connection, or what came over it
// has yet to come back.
func (c *simClient) isBusyAt(s *simServer) bool {
	return slices.ContainsFunc(s.conns, func(n *simConn) bool {
		return n.client == c && (len(n.unread) > 0 || s.rooms[c.room].hasUnreturned(n.sender))
	})
}

// admit lets a client in, and tells it what has arrived.
func (w *world) admit(c *simClient) {
	s := c.waits.server
	c.waits = nil
	s.conns = slices.DeleteFunc(s.conns, func(n *simConn) bool { return n.client == c })
	n := &simConn{client: c, server: s, sender: &broadcast.Sender{ID: c.id, Name: "client", Addr: netip.MustParseAddrPort("127.0.0.1:2")}}
	s.conns = append(s.conns, n)
	s.rooms[c.room].enter(c.id, n)
	if w.chance(0.1) { // it does not get to know so
		w.counts["admitted in vain"]++
		return
	}
	canon, next := w.canons[c.room], s.rooms[c.room].next()
	for c.arrived < c.said {
		number, is := canon.numbers[c.text(c.arrived+1)]
		if !is || number >= next {
			break
		}
		c.arrived++
	}
	for i := c.arrived + 1; i <= c.said; i++ {
		n.unread = append(n.unread, i)
		w.counts["sent again"]++
	}
	c.conn, c.from = n, s.name
}

// readConn has a server read something of a connection, in its order.
func (w *world) readConn(s *simServer) {
	if len(s.conns) == 0 {
		return
	}
	n := s.conns[w.rng.IntN(len(s.conns))]
	room := n.client.room
	for range min(len(n.unread), 1+w.rng.IntN(3)) {
		s.rooms[room].say(n.sender, n.client.text(n.unread[0]))
		n.unread = n.unread[1:]
	}
	if n.client.conn != n && w.chance(0.05) { // the rest is lost with the connection
		n.unread = nil
	}
	s.publish(s.core.rooms[token(room)])
}

// returned tells a client that a message has arrived, unless it has gone.
func (n *simConn) returned(t testing.TB, text string) {
	switch c := n.client; {
	case c.conn != n:
	case text != c.text(c.arrived+1):
		t.Fatalf("%q has arrived, and not %q", text, c.text(c.arrived+1))
	default:
		c.arrived++
	}
}

// isSettledClient reports whether all that a client has said has arrived.
func (c *simClient) isSettled() bool {
	return c.conn != nil && !c.conn.ended && len(c.conn.unread) == 0 && c.arrived == c.said
}
