package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A Room is a room of the server, as the link knows it. All but Outgoing is called by one
// goroutine at a time.
type Room interface {
	// Outgoing returns the log of what is said in the room at this server.
	Outgoing() *broadcast.Log
	// CopyUnreturned copies messages of the outgoing log that were not delivered yet, but
	// for the first skip of them, and returns how many.
	CopyUnreturned(dst []broadcast.Entry, skip int) int
	// BeginAt says which number the message has that is delivered first, and in which epoch.
	// It is called by Link.Add, before anything is delivered.
	BeginAt(number, epoch uint64)
	// Deliver takes messages in the order of the cluster, MaxBatch bytes of the stream at
	// most, and empties the batch. Those of the outgoing log have the senders that they have
	// there. If it returns false, it has taken nothing, and Link.Freed has to be called when
	// it may.
	Deliver(b *broadcast.Batch, at time.Time) bool
	// Void has what a client has said here, and what has not been delivered, not count any more:
	// CopyUnreturned leaves it out, and what is read from the client's connection later, too. The
	// client has gone to another server, and sends it again. If its connection is still open, it
	// is ended, so that a client that is here all the same knows.
	Void(client uint64)
}

// A room is what the core knows of a room.
type room struct {
	sink    Room
	name    string
	subject string            // of what this server says in it
	cursor  *broadcast.Cursor // in the outgoing log, only to be woken; nil in the simulation

	// Reading: what is before the place was delivered.
	at      place
	from    uint64    // messages before that number are not wanted
	spoken  time.Time // when the stream took the last batch of the room
	queue   []Message // read, and not delivered
	live    []Message // while it catches up: read after what it catches up on
	until   uint64    // it catches up to there; 0: it does not
	asked   bool      // for what it has to catch up on
	peers   map[string]peer
	recalls map[uint64]*recall  // by the IDs of the servers that clients come from
	nonces  map[uint64]struct{} // of records that recalled clients from this server
	isGone  bool
	isWoken bool // guarded by the lock of the link's wakes

	publisher
}

// A peer is what was last read of a server.
type peer struct {
	instance instance
	counter  uint64
}

// add puts a message behind those to be delivered. It reports whether it was not there.
func (r *room) add(m Message) bool {
	if m.Seq <= r.at.seq {
		return false
	}
	if r.until > 0 {
		if m.Seq <= r.until { // comes by catching up
			return false
		}
		r.live = append(r.live, m)
	} else {
		r.queue = append(r.queue, m)
	}
	return true
}

// errNotOurs says that a batch has the name and the instance of this server and is not from it.
var errNotOurs = fmt.Errorf("%w: it said something that this one did not", ErrFenced)

// deliver delivers a message of the stream to the room, and reports whether the room has
// taken it.
func (c *core) deliver(r *room, m *Message) (taken bool, err error) {
	_, server, _ := split(c.prefix, m.Subject)
	b, err := parse(m.Data)
	if err == nil && b.kind != kindBatch && b.kind < kindRecall {
		err = errors.New("it is no batch")
	}
	if err != nil { // it is the same to all servers
		c.report(fmt.Errorf("the message %d of the stream, on %s, is left out: %w", m.Seq, m.Subject, err))
		b = batch{}
	}
	isMine := b.kind == kindBatch && server == c.server && b.instance == c.instance
	known := r.peers[server]
	switch {
	case b.count == 0:
	case known.instance == b.instance && b.counter <= known.counter:
		c.report(fmt.Errorf("the message %d of the stream, on %s, was there before and is left out", m.Seq, m.Subject))
		c.stats.Doubled++
		b.count, b.packed, isMine = 0, nil, false
	case isMine && (r.out == nil || b.counter != r.out.counter || !bytes.Equal(b.packed, r.out.packed)):
		return false, errNotOurs
	}

	number := r.at.number
	if server == numbersToken && b.hint > 0 && b.hint != number {
		return false, fmt.Errorf("%w: the room %q goes on from the number %d, which is %d here", ErrStreamReplaced, r.name, b.hint, number)
	}
	if f := b.fact; f.number > number && f.seen >= r.at.seq {
		return false, fmt.Errorf("%w: the next message of the room %q is %d here and %d at another server", ErrTooFarBehind, r.name, number, f.number)
	} else if f.number > 0 && f.number < number && f.seen >= r.at.seq {
		c.report(fmt.Errorf("another server has missed messages of the room %q: the next is %d here and %d there", r.name, number, f.number))
	}
	rest, at := b.packed, number
	for i := 0; i < b.count; i++ {
		dst := c.batch.Free()
		said, after, err := cutMessage(rest, dst)
		if err != nil {
			panic(err) // parse has found none
		}
		rest = after
		var from *broadcast.Sender
		if isMine {
			from = r.out.senders[i]
		}
		if from == nil {
			name := said.name
			if name == nil {
				name = (*wire.Message)(dst).TrimmedName()
			}
			from = c.foreigners.sender(server, said.id, name)
		}
		if at++; at > r.from {
			c.batch.Add(from, wire.Size)
		}
	}
	if c.batch.Len() > 0 && !r.sink.Deliver(c.batch, m.Time) {
		c.batch.Reset() // what it holds is built again
		return false, nil
	}

	if b.count > 0 {
		r.peers[server] = peer{b.instance, b.counter}
		c.stats.Messages += uint64(b.count)
	}
	r.at = place{m.Seq, number + uint64(b.count)}
	r.spoken = m.Time
	if server == c.server {
		r.returned(m.Seq, isMine, b.counter)
	}
	if b.kind == kindRecall {
		c.readRecall(r, server, &b)
	}
	return true, nil
}

func newDelivery() *broadcast.Batch { return broadcast.NewBatch(maxMessages * wire.Size) }

// process delivers what was read of a room, as far as it takes it, and then publishes what is
// to be said in it.
func (c *core) process(r *room) error {
	for len(r.queue) > 0 {
		m := &r.queue[0]
		if m.Seq > r.at.seq {
			taken, err := c.deliver(r, m)
			if err != nil {
				return err
			}
			if !taken {
				c.refused[r] = struct{}{}
				return nil
			}
		}
		c.waiting -= len(m.Data)
		*m = Message{} // gives its memory back
		r.queue = r.queue[1:]
	}
	r.queue = nil
	delete(c.refused, r)
	if r.until > 0 {
		if !r.asked {
			r.asked = true
			c.do(catchAction{r, r.at.seq + 1})
		}
		return nil
	}
	c.publish(r)
	return nil
}

// caught says what came of asking for the next message that a room has to catch up on, and
// which was the first of the stream after that.
func (c *core) caught(r *room, m Message, first uint64, err error) error {
	if r.isGone {
		return nil
	}
	r.asked = false
	switch isNone := errors.Is(err, ErrNoMessage); {
	case err != nil && !isNone:
		c.pending[r] = struct{}{} // until the next tick
		return nil
	case first > r.at.seq+1:
		return ErrTooFarBehind
	case isNone:
	case m.Seq <= r.until:
		r.queue = append(r.queue, m)
		c.waiting += len(m.Data)
		return c.process(r)
	}
	r.until = 0
	r.queue, r.live = r.live, nil
	return c.process(r)
}
