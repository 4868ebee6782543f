package cluster

import (
	"errors"
	"fmt"
	"time"

	"sop-chat/internal/broadcast"
)

// Why a link ends.
var (
	// ErrFenced: another server has the same name and goes on in the place of this one.
	ErrFenced = errors.New("another server has the same name in the cluster, and goes on in the place of this one")
	// ErrNameTaken: the server must not start, as another has its name.
	ErrNameTaken = errors.New("a server with the same name is running in the cluster; give each a name of its own")
	// ErrTooFarBehind: the stream has dropped messages that the server has yet to read.
	ErrTooFarBehind = errors.New("the stream has dropped messages that this server has not read: it was away for longer than the stream keeps them")
	// ErrStreamReplaced: the stream is another than before, or has lost messages that it had
	// acknowledged.
	ErrStreamReplaced = errors.New("the stream of the cluster is not the one that it was, or has lost messages that it had acknowledged")
)

// maxWaiting is how many bytes are read from the stream, and wait until the rooms take them,
// before no more is read. While one room's readers are slow, the others go on.
const maxWaiting = 64 << 20

// maxDoubt is for how long a stream must appear to have lost messages to be taken for another.
// A leader of NATS that is cut off from the others notices after 10 to 20 s, until when it
// answers with what it has (lostQuorumInterval, lostQuorumCheck in raft.go), while another one
// leads after 4 s.
const maxDoubt = 30 * time.Second

// A core is a link without goroutines, clock and I/O. What it wants done it puts into
// actions; what came of them it is told. Its methods belong to one goroutine. After an error
// it is of no use any more.
type core struct {
	prefix   string
	server   string // its token
	instance instance
	keep     time.Duration // of the stream
	report   func(error)   // of what is wrong and does not end the link

	now        time.Time
	position   uint64    // all of the stream before it, and it, was read
	mark       time.Time // of the message at the position; zero: it is not known
	wasOpened  bool      // something was read, or could have been
	isReading  bool      // the stream
	rooms      map[string]*room
	waiting    int // bytes that were read and not delivered
	refused    map[*room]struct{}
	pending    map[*room]struct{} // those for which tick has to look
	actions    []any
	foreigners foreigners
	batch      *broadcast.Batch
	entries    []broadcast.Entry

	met       map[string]struct{} // the tokens of all servers that are known
	servers   map[uint64]string   // the same, by their IDs
	recalls   map[*room]struct{}  // those that recall clients
	recalling int                 // clients
	isLooking bool                // for servers
	nextLook  time.Time

	ownSince    uint64    // claims up to that message of the stream are older than its own
	claimSeq    uint64    // its own claim; 0: it is not known
	claimedAt   time.Time // when the stream took that
	contested   uint64    // another's claim to the name, which has yet to be rejected
	isClaiming  bool
	nextRefresh time.Time
	doubted     time.Time // since when the stream has seemed to be shorter than it was; zero: it does not

	stats Stats
}

// What a core wants done.
type (
	// publishAction: publish data. The outcome is for core.published.
	publishAction struct {
		room    *room
		subject string
		last    uint64
		data    []byte
		counter uint64
		attempt int
	}
	// askAction: ask for the last message of a subject, and for what the stream has, for
	// core.answered.
	askAction struct {
		room    *room
		subject string
	}
	// catchAction: read the first message of a room from a sequence on, for core.caught.
	catchAction struct {
		room *room
		from uint64
	}
	// claimAction: say that the name is the server's, for core.reclaimed.
	claimAction struct {
		subject string
		last    uint64
		data    []byte
	}
)

func newCore(prefix, server string, id instance, report func(error)) *core {
	return &core{
		prefix: prefix, server: token(server), instance: id, report: report,
		rooms: make(map[string]*room), refused: make(map[*room]struct{}), pending: make(map[*room]struct{}),
		met: make(map[string]struct{}), servers: make(map[uint64]string), recalls: make(map[*room]struct{}),
		foreigners: make(foreigners), batch: newDelivery(), entries: make([]broadcast.Entry, maxMessages),
	}
}

func (c *core) do(action any) { c.actions = append(c.actions, action) }

// wantsMore reports whether more of the stream may be read.
func (c *core) wantsMore() bool { return c.waiting < maxWaiting }

// opened says what the stream has, and which is the first message from the core's position on
// (seq 0: none), before it is read from behind that. ok is false if that is to be tried again
// later.
func (c *core) opened(info Info, created time.Time, at Message) (ok bool, err error) {
	switch {
	case !created.IsZero() && !info.Created.Equal(created):
		return false, ErrStreamReplaced
	case info.First > c.position+1, info.First > c.position && c.wasOpened && c.position > 0:
		// Or else the server may have missed that all of a room was dropped, which begins
		// anew then.
		return false, ErrTooFarBehind
	case info.Last < c.position, c.position > 0 && !c.mark.IsZero() && at.Seq != c.position:
		// A leader that was replaced may say so for a while.
		if c.doubted.IsZero() {
			c.doubted = c.now
		}
		if c.now.Sub(c.doubted) >= maxDoubt {
			return false, ErrStreamReplaced
		}
		return false, nil
	case !c.mark.IsZero() && !at.Time.Equal(c.mark):
		return false, ErrStreamReplaced
	}
	c.doubted, c.wasOpened, c.isReading = time.Time{}, true, true
	if at.Seq == c.position {
		c.mark = at.Time
	}
	for _, r := range c.rooms {
		c.publish(r)
		// What was not answered while the stream was away need not wait any longer.
		if o := r.out; o != nil && o.tries > 0 && !o.isTried && r.suspicions == 0 {
			o.retry = time.Time{}
		}
	}
	c.retryRecalls()
	return true, nil
}

// rewind has the stream be read from an earlier message on, if nothing was read yet: a room
// has much to catch up on.
func (c *core) rewind(seq uint64) {
	if !c.isReading && c.mark.IsZero() && seq < c.position {
		c.position, c.wasOpened = seq, false
	}
}

// closed says that the stream is not read any more. Meanwhile nothing is published: after a long
// time the stream could have dropped what was under way, and it would be published again.
func (c *core) closed() { c.isReading = false }

// receive takes a message that was read from the stream. isNext is false if messages are
// missing before it, so that another reader has to be opened behind the core's position.
func (c *core) receive(m Message) (isNext bool, err error) {
	switch {
	case m.Seq <= c.position: // came twice
		return true, nil
	case m.Seq > c.position+1:
		return false, nil
	}
	c.position, c.mark = m.Seq, m.Time
	name, server, ok := split(c.prefix, m.Subject)
	if ok {
		c.meet(server)
	}
	if ok && name == serversToken {
		return true, c.claimed(&m, server)
	}
	r := c.rooms[name]
	if r == nil { // of a room that this server does not have
		return true, nil
	}
	if !r.add(m) {
		return true, nil
	}
	c.waiting += len(m.Data)
	if r.until > 0 {
		return true, nil
	}
	return true, c.process(r)
}

// add adds a room, which is at a place.
func (c *core) add(r *room) error {
	if c.rooms[token(r.name)] != nil {
		return fmt.Errorf("the link has a room %q already", r.name)
	}
	c.rooms[token(r.name)] = r
	r.subject = c.prefix + "." + token(r.name) + "." + c.server
	if r.peers == nil {
		r.peers = make(map[string]peer)
	}
	if r.at.seq < c.position {
		r.until = c.position
	}
	return c.process(r)
}

// remove removes a room. Nothing of it is published or delivered any more.
func (c *core) remove(name string) *room {
	r := c.rooms[token(name)]
	if r == nil {
		return nil
	}
	delete(c.rooms, token(name))
	delete(c.refused, r)
	delete(c.pending, r)
	c.dropRecalls(r)
	for _, queue := range [...][]Message{r.queue, r.live} {
		for i := range queue {
			c.waiting -= len(queue[i].Data)
		}
	}
	r.isGone, r.queue, r.live, r.out = true, nil, nil, nil
	return r
}

// freed tries again what rooms have refused.
func (c *core) freed() error {
	for r := range c.refused {
		if err := c.process(r); err != nil {
			return err
		}
	}
	return nil
}

// isPublishing notes whether publishing works; err says why it does not.
func (c *core) isPublishing(err error) {
	if err == nil {
		c.stats.Unpublished = nil
		return
	}
	c.stats.Failures++
	c.stats.Unpublished = err
}
