package client

import (
	"math"
	"sync"
)

// Unacknowledged returns the messages of Send, oldest first, that the system at
// the other end has not acknowledged as a whole: of a connection that has failed,
// these have to be sent again. What Send refused, or did not begin with because
// ctx was done or the connection had ended before, is not among them; of a text
// that became several messages, those that are missing are.
//
// It is no promise for the rest. What the other system has acknowledged, the
// server may not have read; and when an acknowledgement was lost with the
// network, a message that has arrived is returned all the same.
//
// That is so on Linux, where the connection is one of TCP, also one supplied, and
// with TLS if that is of WithTLS. Otherwise what the own system has taken counts
// as acknowledged.
func (c *Client) Unacknowledged() []string {
	return c.unacked.texts(c.link)
}

// Acknowledged returns how many of the messages of Send the system at the other
// end has acknowledged. It only grows, and is the rest of Unacknowledged.
func (c *Client) Acknowledged() int {
	return c.unacked.gone(c.link)
}

// unacked are messages on their way.
type unacked struct {
	mu       sync.Mutex
	messages []unackedMessage // oldest first
	pruned   int              // how many there were before
	pruneAt  int              // how many there are when it pays to look which are not
}

type unackedMessage struct {
	text string
	end  int64 // where in the bytes of the link it ends
}

// notWritten is the end of a message that the link has not got yet.
const notWritten = math.MaxInt64

// pruneAtLeast is how many messages are kept without asking.
const pruneAtLeast = 64

// add adds the messages of a text, each of which takes size bytes of the link;
// 0 if that is not known before.
func (u *unacked) add(l *link, text string, size int64) {
	end := l.position()
	u.mu.Lock()
	defer u.mu.Unlock()
	for part := range parts(text) {
		m := unackedMessage{part, notWritten}
		if size > 0 {
			end += size
			m.end = end
		}
		u.messages = append(u.messages, m)
	}
	if len(u.messages) > max(u.pruneAt, pruneAtLeast) {
		u.prune(l)
		u.pruneAt = 2 * len(u.messages)
	}
}

// wrote notes that the first of the messages that were not written now is.
func (u *unacked) wrote(l *link) {
	end := l.position()
	u.mu.Lock()
	defer u.mu.Unlock()
	i := len(u.messages)
	for i > 0 && u.messages[i-1].end == notWritten {
		i--
	}
	u.messages[i].end = end
}

func (u *unacked) prune(l *link) {
	acked := l.acknowledged()
	n := 0
	for n < len(u.messages) && u.messages[n].end <= acked {
		n++
	}
	clear(u.messages[:n]) // frees the texts
	u.messages = u.messages[n:]
	u.pruned += n
}

func (u *unacked) gone(l *link) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.prune(l)
	return u.pruned
}

func (u *unacked) texts(l *link) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.prune(l)
	texts := make([]string, len(u.messages))
	for i, m := range u.messages {
		texts[i] = m.text
	}
	return texts
}
