package bench

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// A conversation is what some clients are delivered. Senders come first.
type conversation struct {
	senders int
	told    bool        // the numbers, so that a sender's stream has its own messages too
	streams [][]message // by client
}

// converse makes each client's stream from one order of all messages.
func converse(clients, senders int, told bool, order []int) conversation {
	c := conversation{senders: senders, told: told, streams: make([][]message, clients)}
	numbers := make([]uint32, senders)
	for _, from := range order {
		m := message{from: uint32(from), number: numbers[from]}
		numbers[from]++
		for client := range c.streams {
			if client != from || told {
				c.streams[client] = append(c.streams[client], m)
			}
		}
	}
	return c
}

// play hands the streams to a check, in pieces that choose chooses, and returns
// what it has to say.
func (c conversation) play(sent []uint32, choose func(most int) int) error {
	code := newCodec(1, c.senders)
	roles := make([]role, len(c.streams))
	for i := range roles {
		roles[i] = role{receives: true, sender: nobody}
		if i < c.senders {
			roles[i].sender = i
		}
	}
	o := newOrder(code, share{rooms: 1}, roles, c.senders)
	o.told = c.told
	o.trimAt = 5 // or it would never happen here
	streams := slices.Clone(c.streams)
	for {
		var waiting []int
		for client, stream := range streams {
			if len(stream) > 0 {
				waiting = append(waiting, client)
			}
		}
		if len(waiting) == 0 {
			break
		}
		client := waiting[choose(len(waiting)-1)]
		n := 1 + choose(len(streams[client])-1)
		if own := roles[client].ownAhead(streams[client][:n]); own > 0 {
			if err := o.acknowledge(client, uint64(own)); err != nil {
				return err
			}
			streams[client] = streams[client][own:]
			continue
		}
		for i, m := range streams[client][:n] {
			if roles[client].isOwn(m) {
				n = i
				break
			}
		}
		b := make([]byte, n*wire.Size)
		for i, m := range streams[client][:n] {
			code.write(b[i*wire.Size:], m)
		}
		got, err := o.take(client, b)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(got, streams[client][:n], func(e entry, m message) bool { return e.message == m }) {
			panic("the check names other messages than it was given")
		}
		streams[client] = streams[client][n:]
		if choose(1) == 1 {
			if err := o.settle(); err != nil {
				return err
			}
		}
	}
	if err := o.settle(); err != nil {
		return err
	}
	return o.missing(sent)
}

// ownAhead returns how many messages at the front are the client's own.
func (r role) ownAhead(messages []message) (n int) {
	for n < len(messages) && r.isOwn(messages[n]) {
		n++
	}
	return n
}

// In whichever order clients receive their part of one order: it passes. If one
// of them loses, doubles or swaps messages, it does not.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clients := rapid.IntRange(2, 6).Draw(t, "clients")
		senders := rapid.IntRange(1, clients).Draw(t, "senders")
		order := rapid.SliceOfN(rapid.IntRange(0, senders-1), 1, 40).Draw(t, "order")
		choose := func(most int) int { return rapid.IntRange(0, most).Draw(t, "choice") }
		sent := make([]uint32, senders)
		for _, from := range order {
			sent[from]++
		}
		c := converse(clients, senders, rapid.Bool().Draw(t, "told"), order)
		if err := c.play(sent, choose); err != nil {
			t.Fatalf("%v: %v", c.streams, err)
		}
		client := choose(clients - 1)
		own := role{sender: client}
		stream := slices.Clone(c.streams[client])
		if len(stream) == 0 {
			return // the only sender
		}
		i := choose(len(stream) - 1)
		switch choose(2) {
		case 0:
			stream = slices.Delete(stream, i, i+1)
		case 1:
			copied := stream[choose(i)]
			if own.isOwn(copied) {
				return // the driver knows that it has not sent as many
			}
			stream = slices.Insert(stream, i, copied)
		case 2:
			if i == 0 || stream[i-1].from == stream[i].from && own.isOwn(stream[i]) {
				return // one acknowledgement is like another
			}
			if !c.told && !c.seenByOthers(client, stream[i-1], stream[i]) {
				return
			}
			stream[i-1], stream[i] = stream[i], stream[i-1]
		}
		c.streams[client] = stream
		if err := c.play(sent, choose); err == nil {
			t.Fatalf("client %d of %v: no mistake is found", client, c.streams)
		}
	})
}

// seenByOthers reports whether another client receives both of two messages:
// only then there is an order of them that could be another one.
func (c conversation) seenByOthers(client int, a, b message) bool {
	for other := range c.streams {
		if other != client && other != int(a.from) && other != int(b.from) {
			return true
		}
	}
	return false
}

// Each sees an order that two could agree on, but not all three.
func TestCircle(t *testing.T) {
	a, b, c := message{from: 0}, message{from: 1}, message{from: 2}
	circle := conversation{senders: 3, streams: [][]message{{b, c}, {c, a}, {a, b}}}
	err := circle.play([]uint32{1, 1, 1}, func(int) int { return 0 })
	if want := "no order of all messages fits what the clients received: " +
		"client 0 has message 0 of sender 1 next; client 1 has message 0 of sender 2 next; " +
		"client 2 has message 0 of sender 0 next; place 0 of all"; err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
}

// Without one order of all, there is still that of each sender.
func TestAnyOrder(t *testing.T) {
	a0, a1, b0 := message{from: 0}, message{from: 0, number: 1}, message{from: 1}
	for _, test := range []struct {
		received []message
		want     string // nothing is wrong if empty
	}{
		{[]message{a0, a1, b0}, ""},
		{[]message{b0, a0, a1}, ""},
		{[]message{a0, b0}, "client 2 lacks message 1 of sender 0"},
		{[]message{a1, a0, b0}, "client 2 received message 1 of sender 0 next, where number 0 belongs"},
		{[]message{a0, a0}, "client 2 received message 0 of sender 0 a second time"},
		{[]message{{from: 2}}, "client 2 got back message 0 of sender 2, its own"},
	} {
		code := newCodec(1, 3)
		check := newAnyOrder(code, []role{{sender: 0}, {sender: 1}, {receives: true, sender: 2}}, 3)
		b := make([]byte, len(test.received)*wire.Size)
		for i, m := range test.received {
			code.write(b[i*wire.Size:], m)
		}
		_, err := check.take(2, b)
		if err == nil {
			err = check.missing([]uint32{2, 1, 0})
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%v: got %v; want %q", test.received, err, test.want)
		}
	}
}
