//go:build linux

package server

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// An oracle follows the room's log, so it knows the order of all messages. It
// checks that each client's messages are published once, in the order in which
// they were sent, unchanged, and only between joining and leaving.
type oracle struct {
	room     *simRoom
	follower *broadcast.Follower
	entries  [64]broadcast.Entry
	order    []logged // all messages there ever were
	asked    context.Context
}

// A logged is one message in the order: who sent it, and its number among theirs.
type logged struct {
	client *simClient
	number int
	at     time.Time
	said   wire.Message // if it is no client's; client is nil then
	from   string       // the name of its sender then
}

// message returns the message as others receive it.
func (m logged) message() wire.Message {
	if m.client == nil {
		return m.said
	}
	return m.client.delivered(m.number)
}

// joinedAs returns the name that others know its sender by.
func (m logged) joinedAs() string {
	if m.client == nil {
		return m.from
	}
	return m.client.joinedAs()
}

func newOracle(r *simRoom) *oracle {
	asked, cancel := context.WithCancel(context.Background())
	cancel() // so that Next never waits
	return &oracle{room: r, follower: broadcast.NewGroup().Named("oracle").FollowLossless(r.room.log, nil), asked: asked}
}

// read reads what is new in the log.
func (o *oracle) read() {
	for {
		n, _ := o.follower.Next(o.asked, o.entries[:])
		if n == 0 {
			return
		}
		for i := range o.entries[:n] {
			o.see(&o.entries[i])
		}
	}
}

func (o *oracle) see(e *broadcast.Entry) {
	w := o.room.world
	if e.Skipped+e.SkippedNotices > 0 {
		w.failf("a reader that must not lose anything lost %d messages and %d notices", e.Skipped, e.SkippedNotices)
	}
	if n := e.Notice; n != nil {
		o.notice(n)
		return
	}
	if l := o.room.link; l != nil {
		if said := l.next(e); said.isForeign || said.from.ID == 0 {
			o.order = append(o.order, logged{said: e.Message, from: e.From.Name, at: e.Time})
			return
		}
	}
	if e.From.ID == 0 {
		o.serverSays(e)
		return
	}
	c := o.client(e.From)
	if !c.joined || c.left && o.room.link == nil { // what is relayed may come back later
		w.failf("%v publishes while it is not in the room", c)
	}
	if o.room.gate == nil && e.Time.UnixNano() != w.now.UnixNano() {
		w.failf("%v publishes at %v, and the log has %v", c, w.now, e.Time)
	}
	if c.replaced && o.room.gate == nil {
		w.failf("%v publishes after another was let in in its place", c)
	}
	c.published++
	if want := c.delivered(c.published); e.Message != want {
		w.failf("message %d of %v is %q in the log", c.published, c, e.Message.Text()[:20])
	}
	if o.room.link == nil {
		o.room.checkRate(c)
	}
	o.order = append(o.order, logged{client: c, number: c.published, at: e.Time})
}

func (o *oracle) notice(n *broadcast.Notice) {
	w := o.room.world
	if c := w.named(n.From.Name); n.From.Addr != c.address() || c.misled {
		w.failf("%v is %v for the server, want %v; misled %v", c, n.From.Addr, c.address(), c.misled)
	}
	if n.Kind == broadcast.Refused && n.Reason != causeFull.words && n.Reason != causeName.words {
		w.checkRefused(n) // it may have meant any room
		return
	}
	c := o.client(n.From)
	switch n.Kind {
	case broadcast.Accepted:
		isKey := n.Key == o.room.key() || o.room.gate != nil && o.room.keys[n.Key] // it may have been changed since
		isKey = isKey && n.Key == c.key
		if p, isPersonal := w.keyring.passes[c.key]; isPersonal {
			isKey = n.Key == "" && n.Label == p.Label && (o.room.gate != nil || !c.isRevoked())
		}
		if w.shared.draining.Load() && o.room.gate == nil {
			w.failf("%v is accepted, and nobody is to be", c)
		}
		if !isKey || c.accepted {
			w.failf("%v is accepted with the key %q of %q", c, n.Key, n.Label)
		}
		if other := o.namesake(c); o.room.config.unique && other != nil {
			w.failf("%v is accepted as %q beside %v, which is %q", c, c.joinedAs(), other, other.joinedAs())
		}
		c.accepted = true
		for _, other := range c.others() {
			other.replaced = other.accepted
		}
		if o.room.gate == nil {
			c.acceptedAfter(len(o.order), len(o.order))
		}
	case broadcast.Refused:
		isNamesake := n.Reason == causeName.words && o.room.config.unique && o.namesake(c) != nil
		if n.Key != c.key || n.Reason != causeFull.words && !isNamesake {
			w.failf("%v, %q, is refused with the key %q: %s", c, c.joinedAs(), n.Key, n.Reason)
		}
		if isNamesake {
			o.room.refused++
		}
	case broadcast.Joined:
		if !c.accepted || c.joined {
			w.failf("%v joins, accepted %v, joined before %v", c, c.accepted, c.joined)
		}
		c.joined = true
		o.room.present++
		if c.web != nil && c.web.numbers != nil {
			c.web.numbers.target = int(o.room.room.log.Head() / wire.Size)
		}
	case broadcast.Left:
		if !c.accepted || c.left {
			w.failf("%v leaves, accepted %v, left before %v", c, c.accepted, c.left)
		}
		c.left = true
		if c.joined {
			o.room.present--
		}
		c.reason = n.Reason
		c.evicted = strings.HasPrefix(n.Reason, "held the others")
		// In so small a room many that send at once may hold it for long; see
		// TestTalkIsHeardDuringFloods for others.
		if c.evicted && (c.eager || c.steady) && n.Reason != causeHeldTooLong(simStallTimeout).words {
			w.failf("%v reads all the time and is disconnected because it %s", c, n.Reason)
		}
	}
}

// client returns a sender's client, by the name it authenticated with.
func (o *oracle) client(s *broadcast.Sender) *simClient {
	c := o.room.world.named(s.Name)
	if c.room != o.room {
		o.room.world.failf("%v of %s is heard of in %s", c, c.room.room.name, o.room.room.name)
	}
	return c
}

// named returns the client with a name.
func (w *world) named(name string) *simClient {
	number, err := strconv.Atoi(name[strings.LastIndexByte(name, ' ')+1:])
	if err != nil || number >= w.born {
		w.failf("there is no client with the name %q", name)
	}
	for _, c := range w.clients {
		if c.number == number {
			return c
		}
	}
	w.failf("client %d is not there any more", number)
	return nil
}

// namesake returns a client in the room whose name looks like that of c, or nil.
func (o *oracle) namesake(c *simClient) *simClient {
	skeletons := simSkeletons(c.joinedAs())
	for _, other := range o.room.world.clients {
		isIn := other != c && other.room == o.room && other.accepted && !other.left
		if isIn && slices.ContainsFunc(simSkeletons(other.joinedAs()), func(s string) bool { return slices.Contains(skeletons, s) }) {
			return other
		}
	}
	return nil
}

// next returns the index of the first message from index i on that c did not
// send.
func (o *oracle) next(i int, c *simClient) int {
	for i < len(o.order) && o.order[i].client == c {
		i++
	}
	return i
}

// received checks one message that a client received.
func (o *oracle) received(c *simClient, m *wire.Message) {
	w := o.room.world
	c.received++
	c.start()
	c.next = o.next(c.next, c)
	if c.next == len(o.order) {
		w.failf("%v received %q, which nobody sent", c, m.Text()[:20])
	}
	want := o.order[c.next]
	if *m != want.message() {
		w.failf("%v received %q from %q, want message %d of %v",
			c, m.Text()[:20], m.Name(), want.number, want.client)
	}
	if c.web != nil && c.web.numbers != nil {
		c.web.numbers.check(c, c.next, want)
	}
	c.next++
}

// start has a client that received nothing so far be at its first message.
func (c *simClient) start() {
	if c.next < 0 {
		c.next = c.begin
	}
}
