package torture

import (
	"fmt"
	"maps"
	"slices"
)

// A Class is what is wrong.
type Class string

// The classes of faults.
const (
	Lost      Class = "lost"       // sent, received by nobody, and its server was not killed
	Missing   Class = "missing"    // received by one, and not by another that was there
	Doubled   Class = "doubled"    // received twice, or acknowledged and received
	SentTwice Class = "sent twice" // sent again as unacknowledged, and then there were two
	Own       Class = "own"        // received over the connection over which it was sent
	Disorder  Class = "disorder"   // before another message for one client, and after it for another
	Numbers   Class = "numbers"    // two messages with one number, or a number without a message
	Forgotten Class = "forgotten"  // a numbered client came back and had to begin anew
	Foreign   Class = "foreign"    // received and never sent, or of another room
)

// A Fault is something that must not happen.
type Fault struct {
	Class   Class
	Room    string
	Message Message // where the fault is of one
	Text    string  // what happened, with the clients that show it
}

func (f Fault) String() string { return fmt.Sprintf("%s: room %s: %s", f.Class, f.Room, f.Text) }

// Check returns what is wrong with a history: nothing may be lost that a client
// received, nothing doubled, and in each room there is one order for all its clients,
// and one number for each message. Of what was sent before its server was killed, what
// no client received may be lost, if all that was sent behind it is.
//
// The clients that are connected at the end of the history have to have received
// everything by then. A room should have a numbered client throughout: what was said
// while no other client was in the room can't be told from what was lost.
func Check(h *History) []Fault {
	rooms := make(map[string]*room)
	for _, c := range h.Clients {
		if rooms[c.Room] == nil {
			rooms[c.Room] = newRoom(h, c.Room)
		}
	}
	for i, e := range h.Events {
		if e.Kind == Killed {
			for _, r := range rooms {
				r.killed[e.Server] = i
			}
			continue
		}
		rooms[h.Clients[e.Client].Room].take(i, e)
	}
	var faults []Fault
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		faults = append(faults, rooms[name].judge()...)
	}
	return faults
}

// A room is what its clients did and saw.
type room struct {
	h      *History
	name   string
	faults []Fault

	killed   map[int32]int // when a server was killed last: an index in h.Events
	visits   map[int32]*visit
	all      []*visit
	views    map[int32]*view // of clients now
	allViews []*view

	sent      map[Message]*sending
	sendings  []*sending         // in the order in which they were sent first
	numbers   map[uint64]Message // by number
	numbered  map[Message]uint64
	epoch     uint64
	separated map[Message]bool // those of which one client saw two
}

// A visit is one connection of a client.
type visit struct {
	client, server int32
	joined         int // an index in h.Events
	sent           []*sending
}

// A sending is a message on its way.
type sending struct {
	message Message
	at      int // when it was sent first
	visits  []*visit
	after   []Message // what its client had seen and sent before; at most one of each
	seen    bool      // by a client, or acknowledged
}

// A view is an uninterrupted part of the room's order that a client saw: over one
// connection, or if the client is numbered or a browser over all.
type view struct {
	client int32
	joined int
	seen   []Message
	has    map[Message]bool
	open   bool // at the end of the history
	visit  *visit
	next   uint64 // the number that has to come next; 0 if any may
	first  uint64 // the number from which on the server sends, over this connection
	epoch  uint64
}

func newRoom(h *History, name string) *room {
	return &room{
		h: h, name: name, killed: make(map[int32]int), visits: make(map[int32]*visit), views: make(map[int32]*view),
		sent: make(map[Message]*sending), numbers: make(map[uint64]Message), numbered: make(map[Message]uint64),
		separated: make(map[Message]bool),
	}
}

func (r *room) fault(class Class, m Message, format string, args ...any) {
	r.faults = append(r.faults, Fault{class, r.name, m, fmt.Sprintf(format, args...)})
}

// who returns the name of a client.
func (r *room) who(client int32) string { return r.h.Clients[client].Name }

// what describes a message.
func (r *room) what(m Message) string {
	return fmt.Sprintf("%s's message %d", r.who(m.Client), m.Count)
}

func (r *room) take(i int, e Event) {
	switch e.Kind {
	case Joined:
		r.join(i, e)
	case Sent:
		r.send(i, e)
	case Received, Acknowledged:
		r.see(e)
	case Invented:
		r.fault(Foreign, Message{}, "%s received what nobody sent", r.who(e.Client))
	case Left:
		r.views[e.Client].open = false
	}
}

func (r *room) join(i int, e Event) {
	v := &visit{client: e.Client, server: e.Server, joined: i}
	r.visits[e.Client] = v
	r.all = append(r.all, v)
	old := r.views[e.Client]
	if old == nil || !r.h.Clients[e.Client].Numbered {
		old = &view{client: e.Client, joined: i, has: make(map[Message]bool), next: e.First, epoch: e.Epoch}
		r.views[e.Client] = old
		r.allViews = append(r.allViews, old)
	} else if old.epoch != e.Epoch || e.Number != old.next-1 {
		r.fault(Forgotten, Message{}, "%s has all up to %d of epoch %x, and server %d says up to %d of epoch %x",
			r.who(e.Client), old.next-1, old.epoch, e.Server, e.Number, e.Epoch)
		old.next, old.epoch = 0, e.Epoch
	}
	old.visit, old.open, old.first = v, true, e.First
	if r.epoch == 0 {
		r.epoch = e.Epoch
	}
	if e.Epoch != 0 && e.Epoch != r.epoch {
		r.fault(Numbers, Message{}, "%s is told the epoch %x, and others %x", r.who(e.Client), e.Epoch, r.epoch)
	}
}

func (r *room) send(i int, e Event) {
	v, w := r.visits[e.Client], r.views[e.Client]
	s := r.sent[e.Message]
	if s == nil {
		s = &sending{message: e.Message, at: i}
		r.sent[e.Message] = s
		r.sendings = append(r.sendings, s)
		if n := len(w.seen); n > 0 {
			s.after = append(s.after, w.seen[n-1])
		}
		if n := len(v.sent); n > 0 {
			s.after = append(s.after, v.sent[n-1].message)
		}
	}
	s.visits = append(s.visits, v)
	v.sent = append(v.sent, s)
}

func (r *room) see(e Event) {
	m, w := e.Message, r.views[e.Client]
	s := r.sent[m]
	if s == nil {
		r.fault(Foreign, m, "%s received %s, which is not of this room, or was not sent yet", r.who(e.Client), r.what(m))
		return
	}
	s.seen = true
	if e.Kind == Received && m.Client == e.Client && len(s.visits) == 1 && s.visits[0] == w.visit {
		r.fault(Own, m, "%s received its own message %d over the connection over which it sent it", r.who(e.Client), m.Count)
	}
	if r.h.Clients[e.Client].Numbered {
		r.number(e, w)
	}
	if w.has[m] {
		r.doubled(s, "%s saw %s twice", r.who(e.Client), r.what(m))
		return
	}
	w.has[m] = true
	w.seen = append(w.seen, m)
}

// doubled records a message that is in the room twice.
func (r *room) doubled(s *sending, format string, args ...any) {
	if r.separated[s.message] {
		return // and was said
	}
	r.separated[s.message] = true
	if len(s.visits) > 1 {
		r.fault(SentTwice, s.message, format+", which was sent over more than one connection", args...)
		return
	}
	r.fault(Doubled, s.message, format, args...)
}

// number checks the number of what a client has seen.
func (r *room) number(e Event, w *view) {
	m, n := e.Message, e.Number
	switch {
	case w.next == 0 || n == w.next:
	case n < w.next:
		r.fault(Numbers, m, "%s got number %d after %d", r.who(e.Client), n, w.next-1)
	case w.next < w.first:
		r.fault(Missing, m, "%s came back and was told that all from %d to %d is not kept any more", r.who(e.Client), w.next, w.first-1)
	default:
		r.fault(Numbers, m, "%s got number %d after %d", r.who(e.Client), n, w.next-1)
	}
	w.next = n + 1
	if other, known := r.numbers[n]; known && other != m {
		r.fault(Numbers, m, "%s has the number %d for %s, which is that of %s", r.who(e.Client), n, r.what(m), r.what(other))
	}
	if other, known := r.numbered[m]; known && other != n {
		r.doubled(r.sent[m], "%s has %s as number %d, and there it is as %d", r.who(e.Client), r.what(m), n, other)
	}
	r.numbers[n], r.numbered[m] = m, n
}

// judge returns all faults, once everything is known.
func (r *room) judge() []Fault {
	r.checkLost()
	o := newOrder(r)
	o.checkOrder()
	o.checkMissing()
	return r.faults
}

// checkLost looks for messages that no client saw.
func (r *room) checkLost() {
	for _, s := range r.sendings {
		if s.seen {
			continue
		}
		v := s.visits[len(s.visits)-1]
		behind := slices.IndexFunc(v.sent[slices.Index(v.sent, s)+1:], func(later *sending) bool { return later.seen })
		switch killed, wasKilled := r.killed[v.server]; {
		case behind >= 0:
			r.fault(Lost, s.message, "%s is lost, and a later one of the same connection is not", r.what(s.message))
		case r.h.Clients[s.message.Client].isAcknowledged() && !r.views[s.message.Client].open:
			// It would have been sent again.
		case r.h.Clients[s.message.Client].isAcknowledged():
			r.fault(Lost, s.message, "%s is lost, and never acknowledged", r.what(s.message))
		case !wasKilled || killed < v.joined:
			r.fault(Lost, s.message, "%s is lost, and its server %d was not killed", r.what(s.message), v.server)
		}
	}
}
