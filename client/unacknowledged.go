package client

import (
	"math"
	"sync"
)

// Unacknowledged returns the messages of Send, oldest first, that were not
// acknowledged: over plain TCP, as a whole by the peer's kernel. After a connection has
// failed, send these again. Texts that Send refused, or did not begin to send because
// ctx was done or the connection had ended, are not among them. Of a text that became
// several messages, only the missing ones are.
//
// Through a page it is the server that acknowledges a message, when it has its place
// in the room, and the client knows that when Receive has got so far. After Resume the
// messages of the former connection that may not have arrived are among them.
//
// Over plain TCP it is no guarantee. The server may not have read what its kernel has
// acknowledged; and if an acknowledgement was lost with the network, a message that
// has arrived is returned, too. That works on Linux, with TCP connections, also
// supplied ones, and with TLS of WithTLS. Otherwise the bytes that this machine's
// kernel has taken count as acknowledged.
func (c *Client) Unacknowledged() []string {
	if c.room != nil {
		return c.room.unacknowledged()
	}
	return c.unacked.texts(c.link)
}

// Acknowledged returns how many messages of Send were acknowledged: all except those of
// Unacknowledged. The number only grows. Messages of Resume are counted when it turns
// out that they had arrived.
func (c *Client) Acknowledged() int {
	if c.room != nil {
		return c.room.acknowledged()
	}
	return c.unacked.acknowledged(c.link)
}

// An unacked keeps the messages that are under way.
type unacked struct {
	mu       sync.Mutex
	messages []unackedMessage // oldest first
	pruned   int              // how many were removed
	pruneAt  int              // how many there may be before add calls prune
}

type unackedMessage struct {
	text string
	end  int64 // position in the bytes of the link where it ends
}

// notWritten is the end of a message that is not written to the link yet.
const notWritten = math.MaxInt64

// pruneAtLeast is how many messages are kept without asking the kernel.
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

// markWritten marks the first message that was not written as written.
func (u *unacked) markWritten(l *link) {
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

func (u *unacked) acknowledged(l *link) int {
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
