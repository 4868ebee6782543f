package bench

import (
	"fmt"

	"sop-chat/internal/wire"
)

// anyOrder is the check for servers that keep the order of each sender's
// messages only.
type anyOrder struct {
	codec   *codec
	roles   []role
	senders int
	next    []uint32 // the number that comes next, by client and sender
	taken   []entry
}

var _ check = (*anyOrder)(nil)

func newAnyOrder(c *codec, roles []role, senders int) *anyOrder {
	return &anyOrder{codec: c, roles: roles, senders: senders, next: make([]uint32, len(roles)*senders)}
}

func (a *anyOrder) take(client int, messages []byte) ([]entry, error) {
	a.taken = a.taken[:0]
	for b := messages; len(b) > 0; b = b[wire.Size:] {
		m, ok := a.codec.read(b)
		if !ok {
			return nil, a.codec.notWritten(client, b[:wire.Size])
		}
		if a.roles[client].isOwn(m) {
			return nil, ownMessage(client, m)
		}
		next := &a.next[client*a.senders+int(m.from)]
		if m.number != *next {
			return nil, wrongNumber(client, m, *next)
		}
		*next++
		a.taken = append(a.taken, entry{message: m})
	}
	return a.taken, nil
}

// acknowledge checks nothing: where own messages belong is said by an order.
func (a *anyOrder) acknowledge(int, uint64) error { return nil }

func (a *anyOrder) settle() error { return nil }

func (a *anyOrder) missing(sent []uint32) error {
	for client, role := range a.roles {
		for from := range sent {
			next := a.next[client*a.senders+from]
			if role.receives && role.sender != from && next < sent[from] {
				return about(fmt.Errorf("client %d lacks %v", client, message{from: uint32(from), number: next}), client)
			}
		}
	}
	return nil
}
