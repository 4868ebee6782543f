package cluster

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"time"
)

// A client that comes back to another server than it was at may have said something that has
// not arrived: its former server is stopped, or cut off. The client sends it again, and what
// the former server has must not arrive any more. So before it is let in, its new server
// publishes a record on the subject of the former one, in which the client is recalled.
//
//	former server          stream                    new server
//	      │                   │◀── record, on A's subject ──│ the client waits
//	      │ batch, expecting  │                             │
//	      │ what was before ─▶│ refused                     │
//	      │◀───── record ─────│────────── record ──────────▶│ has all that arrived before
//	      │                                                 │ lets the client in
//	 what the client said and
//	 has not arrived is void
//
// What the former server has under way either arrives before the record, and the client is told
// so, or can't arrive any more, as it expects another message to be the last one of the subject.
// The former server expects the record only after it has read it, and from then on leaves out
// what the client said.
//
// A record that arrives twice does nothing the second time. If the server does not remember
// that, a client that has come back since is disconnected, and sends again what was void: that
// costs time, and nothing else.

const (
	// maxRecalled is how many clients a record recalls at most.
	maxRecalled = 1000
	// maxRecalling is how many clients of a link are being recalled at most. More wait in vain.
	maxRecalling = 1 << 14
	// maxRecalls is how many records a room remembers.
	maxRecalls = 256
	// maxServers is how many servers are known at most.
	maxServers = 1 << 12
	// lookPause is between two looks for servers that are not known.
	lookPause = time.Second
)

// ServerID returns a number by which clients know a server of a name. It says nothing of the
// name to those that can't guess it, and is not 0.
func ServerID(name string) uint64 { return serverID(token(name)) }

func serverID(token string) uint64 {
	sum := sha256.Sum256([]byte("sop-chat server " + token))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

// A request is that of a client to be recalled.
type request struct {
	client   uint64
	done     func()
	isLooked bool // it waits for the outcome of a look for its server
}

// A recall is what a room has for the clients that come from one server.
type recall struct {
	id     uint64 // of the server
	server string // its token; "" if it is not known
	next   []request
	under  []request // in the record that is under way
	nonce  uint64    // of that
	data   []byte    // of that, as it is published
	fact   fact

	attempt, tries int
	isTried        bool      // an attempt's outcome has yet to be known
	retry          time.Time // when it is published again, unless that
}

// recallAction: publish data, whatever is the last message of the subject. The outcome is for
// core.recalled.
type recallAction struct {
	room    *room
	recall  *recall
	subject string
	data    []byte
	attempt int
}

// lookAction: find out which servers there are, for core.looked.
type lookAction struct{}

// meet notes that there is a server.
func (c *core) meet(token string) {
	if _, is := c.met[token]; !is && len(c.met) < maxServers {
		c.met[token] = struct{}{}
		c.servers[serverID(token)] = token
	}
}

// recall recalls a client from a server, see Link.Recall.
func (c *core) recall(name string, client, from uint64, done func()) {
	r := c.rooms[token(name)]
	if r == nil || c.recalling == maxRecalling {
		return
	}
	c.recalling++
	q := r.recalls[from]
	if q == nil {
		q = &recall{id: from}
		if r.recalls == nil {
			r.recalls = make(map[uint64]*recall)
		}
		r.recalls[from] = q
	}
	q.next = append(q.next, request{client: client, done: done})
	c.recalls[r] = struct{}{}
	if !q.isTried && !c.now.Before(q.retry) {
		c.tryRecall(r, q)
	}
}

// tryRecall publishes the record that is under way, or the next one, if it may.
func (c *core) tryRecall(r *room, q *recall) {
	if q.server == "" {
		if q.server = c.servers[q.id]; q.server == "" {
			c.look()
			return
		}
	}
	if !c.isReading || r.until > 0 || len(r.queue) > 0 {
		return
	}
	if len(q.under) == 0 {
		n := min(len(q.next), maxRecalled)
		q.under, q.next = q.next[:n:n], q.next[n:]
		q.nonce, q.data, q.tries = newNonce(), nil, 0
	}
	if f := c.fact(r); q.data == nil || f != q.fact {
		b := batch{kind: kindRecall, instance: c.instance, nonce: q.nonce, fact: f}
		for i := range q.under {
			b.clients = append(b.clients, q.under[i].client)
		}
		q.fact, q.data = f, appendRecall(nil, &b)
	}
	q.attempt++
	q.tries++
	q.isTried = true
	c.do(recallAction{r, q, c.prefix + "." + token(r.name) + "." + q.server, q.data, q.attempt})
}

func newNonce() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return max(1, binary.BigEndian.Uint64(b[:]))
}

// recalled says what came of an attempt.
func (c *core) recalled(a recallAction, err error) {
	q := a.recall
	if a.room.isGone || len(q.under) == 0 || q.attempt != a.attempt {
		return // it has come back
	}
	q.isTried = false
	if c.isPublishing(err); err == nil {
		q.retry, q.tries = c.now.Add(patience), 0
	} else {
		q.retry = c.now.Add(min(backoff(q.tries), maxRetry))
	}
}

// readRecall takes a record that was read on the subject of a server: what was there before it
// has been delivered.
func (c *core) readRecall(r *room, server string, b *batch) {
	if server == c.server && r.isNewRecall(b.nonce) {
		for _, client := range b.clients {
			r.sink.Void(client)
		}
		c.repack(r)
	}
	if b.instance != c.instance {
		return
	}
	for _, q := range r.recalls {
		if q.server == server && q.nonce == b.nonce && len(q.under) > 0 {
			c.finish(q.under)
			q.under, q.data = nil, nil
			q.attempt++
			q.isTried, q.retry = false, time.Time{}
		}
	}
}

// isNewRecall reports whether a record was not read before.
func (r *room) isNewRecall(nonce uint64) bool {
	if _, is := r.nonces[nonce]; is {
		return false
	}
	if r.nonces == nil || len(r.nonces) >= maxRecalls {
		r.nonces = make(map[uint64]struct{})
	}
	r.nonces[nonce] = struct{}{}
	return true
}

// repack has what is under way be what is not void, as the same batch: no attempt from before
// can succeed any more.
func (c *core) repack(r *room) {
	before := r.out
	n := r.sink.CopyUnreturned(c.entries, 0) // passes what is void
	if before == nil || before.counter == 0 {
		clear(c.entries[:n])
		return
	}
	r.out = nil
	if n > 0 {
		r.out = pack(before.counter, c.entries[:n])
		r.out.attempt = before.attempt
	}
}

// finish tells clients that they have been recalled.
func (c *core) finish(all []request) {
	c.recalling -= len(all)
	for i := range all {
		all[i].done()
	}
}

// look has it be found out which servers there are, for those that clients come from and that
// are not known.
func (c *core) look() {
	if c.isLooking || c.now.Before(c.nextLook) {
		return
	}
	c.isLooking = true
	for r := range c.recalls {
		for _, q := range r.recalls {
			for i := range q.next {
				q.next[i].isLooked = q.server == ""
			}
		}
	}
	c.do(lookAction{})
}

// looked says which servers have a name, by the subjects on which they say so. Of one that there is not,
// nothing can be under way.
func (c *core) looked(subjects []string, err error) {
	c.isLooking, c.nextLook = false, c.now.Add(lookPause)
	if err != nil {
		return // until the next tick
	}
	for _, subject := range subjects {
		if name, server, ok := split(c.prefix, subject); ok && name == serversToken {
			c.meet(server)
		}
	}
	for r := range c.recalls {
		for _, q := range r.recalls {
			if c.servers[q.id] == "" {
				n := 0
				for n < len(q.next) && q.next[n].isLooked {
					n++
				}
				c.finish(q.next[:n])
				q.next = q.next[n:]
			}
		}
	}
	c.tickRecalls()
}

// tickRecalls publishes the records that are due, and forgets those that are done.
func (c *core) tickRecalls() {
	for r := range c.recalls {
		for _, q := range r.recalls {
			if len(q.under)+len(q.next) > 0 && !q.isTried && !c.now.Before(q.retry) {
				c.tryRecall(r, q)
			}
		}
		maps.DeleteFunc(r.recalls, func(_ uint64, q *recall) bool { return len(q.under)+len(q.next) == 0 })
		if len(r.recalls) == 0 {
			delete(c.recalls, r)
		}
	}
}

// retryRecalls has records that were not answered be published at once.
func (c *core) retryRecalls() {
	for r := range c.recalls {
		for _, q := range r.recalls {
			if q.tries > 0 && !q.isTried {
				q.retry = time.Time{}
			}
		}
	}
}

// resumeRecalls has those be published again that were under way.
func (c *core) resumeRecalls() {
	c.isLooking = false
	for r := range c.recalls {
		for _, q := range r.recalls {
			q.attempt++
			q.isTried, q.retry = false, time.Time{}
		}
	}
}

// dropRecalls forgets the clients of a room that is removed. They wait in vain.
func (c *core) dropRecalls(r *room) {
	for _, q := range r.recalls {
		c.recalling -= len(q.under) + len(q.next)
	}
	r.recalls = nil
	delete(c.recalls, r)
}
