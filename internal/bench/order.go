package bench

import (
	"fmt"
	"slices"

	"sop-chat/internal/wire"
)

// An order is the check that there is one order of all messages, the same for
// all clients. It is the list of the messages in that order, and everyone's
// place in it:
//
//	0                            base                             end
//	├── received by all: let go ──┼──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┤
//	                              ▲           ▲                    ▲
//	                           client 7    client 3        clients 8 and 9
//
// A listener is a client that does not send. It receives everything, so what
// it receives next must be the message at its position. A listener at the end
// writes the list: its next message is read closely and added.
//
// A sender does not see its own messages, so what it receives does not say
// where those belong. It adds nothing by itself; what it receives beyond the
// end is kept until the list is that long. In a room where everyone sends, a
// message is added once two clients have it next: the one says that nothing
// comes before it but, maybe, messages of its own; the other would have
// received those, and says that they do not.
//
// A sender that is told the numbers of messages knows where its own belong: they
// are acknowledged there. So it has to agree with the list in those too.
type order struct {
	share
	codec   *codec
	told    bool     // the senders are told the numbers
	places  []place  // of all clients in the room
	senders []int    // the places of those that send and receive
	quorum  int      // how many of them must have a message next for it to be added; 0 with listeners
	votes   []int    // how many have a message of this sender next
	added   []uint32 // how many messages of each sender were added
	base    int      // how many entries were let go
	entries []entry
	trimAt  int     // how many entries there are when it is time to let some go
	taken   []entry // what keep returns
}

// An entry is one message of the list, and what a listener compares.
type entry struct {
	message
	fingerprint fingerprint
	sum         uint64
}

// A place is where a client is.
type place struct {
	role
	next  int   // the entry that it receives next
	ahead queue // what a sender has received beyond the end, or was acknowledged

	acknowledged uint32 // own messages
}

var _ check = (*order)(nil)

// wholeEvery is how often a listener compares all bytes of a message that
// another listener has read, and not only its fingerprint, which is at both ends of
// it. Each compares other ones, so that of 100 listeners a dozen compare all of
// any message. To compare all of all would cost a quarter of the generator.
const wholeEvery = 8

// From how many entries on it is worthwhile to look where each receiver is: in all
// rooms together, and in one of many, where there are few receivers.
const (
	minTrim     = 1 << 10
	minTrimEach = 1 << 5
)

// newOrder returns the order of a room, of the clients with those roles.
func newOrder(c *codec, s share, roles []role, senders int) *order {
	o := &order{
		share:  s,
		codec:  c,
		places: make([]place, s.of(len(roles))),
		votes:  make([]int, s.of(senders)),
		added:  make([]uint32, s.of(senders)),
	}
	o.trimAt = o.leastTrim()
	listeners := 0
	for i := range o.places {
		r := roles[s.number(i)]
		o.places[i].role = r
		switch {
		case r.receives && r.sender == nobody:
			listeners++
		case r.receives:
			o.senders = append(o.senders, i)
		}
	}
	if listeners == 0 {
		o.quorum = min(2, len(o.senders)-1) // of two clients, each hears only the other
	}
	return o
}

// leastTrim returns from how many entries on it is worthwhile to trim them.
func (o *order) leastTrim() int { return max(minTrim/o.rooms, minTrimEach) }

// at returns the place of a client.
func (o *order) at(client int) *place { return &o.places[o.place(client)] }

func (o *order) take(client int, messages []byte) ([]entry, error) {
	if o.at(client).sender == nobody {
		return o.listen(client, messages)
	}
	return o.keep(client, messages)
}

// listen compares what a listener receives with the list, and writes the list
// on where it ends.
func (o *order) listen(client int, messages []byte) ([]entry, error) {
	p := o.at(client)
	first := p.next
	for b := messages; len(b) > 0; b = b[wire.Size:] {
		i := p.next - o.base
		if i < len(o.entries) {
			e := &o.entries[i]
			whole := (p.next+client)%wholeEvery == 0
			if !e.fingerprint.matches(b) || whole && !o.codec.filled(b, e.from, e.sum) {
				return nil, o.mismatch(client, b[:wire.Size])
			}
		} else if err := o.read(client, b[:wire.Size]); err != nil {
			return nil, err
		}
		p.next++
	}
	return o.entries[first-o.base : p.next-o.base], nil
}

// read reads a listener's next message and adds it to the list.
func (o *order) read(client int, b []byte) error {
	m, ok := o.codec.read(b)
	if !ok {
		return o.codec.notWritten(client, b)
	}
	if !o.has(m.from) {
		return crossed(client, m, o.share)
	}
	sum, _ := getNumeral(b[checksumAt:])
	return o.add(client, entry{message: m, fingerprint: fingerprintOf(b), sum: sum})
}

// keep keeps what a sender receives, until it is settled.
func (o *order) keep(client int, messages []byte) ([]entry, error) {
	p := o.at(client)
	o.taken = o.taken[:0]
	for b := messages; len(b) > 0; b = b[wire.Size:] {
		m, ok := o.codec.read(b)
		if !ok {
			return nil, o.codec.notWritten(client, b[:wire.Size])
		}
		if !o.has(m.from) {
			return nil, crossed(client, m, o.share)
		}
		if p.isOwn(m) {
			return nil, ownMessage(client, m)
		}
		p.ahead.push(m)
		o.taken = append(o.taken, entry{message: m})
	}
	return o.taken, nil
}

// acknowledge keeps a sender's own messages among what it receives.
func (o *order) acknowledge(client int, own uint64) error {
	p := o.at(client)
	for range own {
		p.ahead.push(message{from: uint32(p.sender), number: p.acknowledged})
		p.acknowledged++
	}
	return nil
}

// add adds what a client receives next, or is sure to.
func (o *order) add(client int, e entry) error {
	added := &o.added[o.place(int(e.from))]
	if e.number != *added {
		return wrongNumber(client, e.message, *added)
	}
	*added++
	o.entries = append(o.entries, e)
	return nil
}

func (o *order) end() int { return o.base + len(o.entries) }

// settle moves the senders to where the list ends or waits for them, and lets
// go of what all clients have received.
func (o *order) settle() error {
	for grown := true; grown; {
		for _, place := range o.senders {
			client := o.number(place)
			if err := o.catchUp(client); err != nil {
				return about(err, client)
			}
		}
		var err error
		if grown, err = o.addAgreed(); err != nil {
			return err
		}
	}
	if len(o.entries) >= o.trimAt {
		o.trim()
	}
	return nil
}

// catchUp moves a sender forward in the list, past its own messages and those
// it has received.
func (o *order) catchUp(client int) error {
	p := o.at(client)
	for ; p.next < o.end(); p.next++ {
		e := &o.entries[p.next-o.base]
		isOwn := p.isOwn(e.message)
		if isOwn && !o.told {
			continue
		}
		m, ok := p.ahead.first()
		if !ok {
			return nil
		}
		if isOwn {
			m.at = e.at // which an acknowledgement does not say
		}
		if m != e.message {
			return o.outOfOrder(client, m)
		}
		p.ahead.pop()
	}
	return nil
}

// addAgreed adds the message that enough senders have next, if there is one.
// All of them that have received more are at the end.
func (o *order) addAgreed() (grown bool, err error) {
	if o.quorum == 0 {
		return false, nil
	}
	clear(o.votes)
	waiting := 0
	for _, place := range o.senders {
		p := &o.places[place]
		m, ok := p.ahead.first()
		if !ok || p.isOwn(m) {
			continue
		}
		votes := &o.votes[o.place(int(m.from))]
		if *votes++; *votes >= o.quorum {
			return true, named(o.number(place), o.add(o.number(place), entry{message: m}))
		}
		// What is truly next is what all have next but its sender.
		if waiting++; waiting > 2 {
			return false, o.disagreement()
		}
	}
	return false, nil
}

// trim lets go of the entries that all clients have received. It is called
// when there are twice as many as were left last time, so that the time it
// takes is little for each of them.
func (o *order) trim() {
	least := o.end()
	for i := range o.places {
		if p := &o.places[i]; p.receives {
			least = min(least, p.next)
		}
	}
	left := copy(o.entries, o.entries[least-o.base:])
	o.entries = o.entries[:left]
	o.base = least
	o.trimAt = max(o.leastTrim(), 2*left)
}

// mismatch says what is wrong with what a listener received.
func (o *order) mismatch(client int, payload []byte) error {
	m, ok := o.codec.read(payload)
	if !ok {
		return o.codec.notWritten(client, payload)
	}
	return o.outOfOrder(client, m)
}

// outOfOrder says what is wrong with a message that is not the one at the
// client's place.
func (o *order) outOfOrder(client int, m message) error {
	p := o.at(client)
	next := p.next
	entries := o.entries[next-o.base:]
	want := entries[0].message
	if p.isOwn(m) || p.isOwn(want) {
		return fmt.Errorf("the numbers that client %d is told put %v where %v belongs (place %d in the order of all)", client, m, want, next)
	}
	if !o.has(m.from) {
		return crossed(client, m, o.share)
	}
	if m.from == want.from {
		return wrongNumber(client, m, want.number)
	}
	comes := slices.ContainsFunc(entries, func(e entry) bool { return e.message == m })
	if added := o.added[o.place(int(m.from))]; m.number < added && !comes {
		return wrongNumber(client, m, added)
	}
	return fmt.Errorf("client %d received %v where others received %v (place %d in the order of all): "+
		"that is lost, or the order is not the same for all", client, m, want, next)
}

// disagreement says which client has what next.
func (o *order) disagreement() error {
	text := "no order of all messages fits what the clients received:"
	var named []int
	for _, place := range o.senders {
		if m, ok := o.places[place].ahead.first(); ok && len(named) < 3 {
			text += fmt.Sprintf(" client %d has %v next;", o.number(place), m)
			named = append(named, o.number(place))
		}
	}
	return about(fmt.Errorf("%s place %d of all", text, o.end()), named...)
}

func (o *order) missing(sent []uint32) error {
	for i := range o.places {
		client := o.number(i)
		if p := &o.places[i]; p.receives && p.next < o.end() {
			m := o.entries[p.next-o.base].message
			if p.isOwn(m) {
				return about(fmt.Errorf("client %d is not told the number of %v, its own", client, m), client)
			}
			return about(fmt.Errorf("client %d lacks %v, which others received", client, m), client)
		}
	}
	for _, place := range o.senders {
		if _, waits := o.places[place].ahead.first(); waits {
			return o.disagreement()
		}
	}
	for i, n := range o.added {
		if from := o.number(i); n < sent[from] {
			return fmt.Errorf("no client received %v", message{from: uint32(from), number: n})
		}
	}
	return nil
}
