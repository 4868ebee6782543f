package bench

import (
	"fmt"

	"sop-chat/internal/english"
	"sop-chat/internal/wire"
)

// A check follows what the clients receive, and fails at the first message that
// should not be there. Clients are numbered by their connections.
type check interface {
	// take checks what a client receives next, whole messages end to end, and
	// returns what they are, until it is called again.
	take(client int, messages []byte) ([]entry, error)
	// acknowledge says that so many of a client's own messages come before what
	// it receives next.
	acknowledge(client int, own uint64) error
	// settle is called when all that was there to be received was taken.
	settle() error
	// missing says what has not come of the messages that were sent, of which
	// it is told how many there were from each sender.
	missing(sent []uint32) error
}

// A role is what a connection does.
type role struct {
	receives bool
	sender   int // its number among the senders, or nobody
}

const nobody = -1

// isOwn reports whether a message comes from the connection itself.
func (r role) isOwn(m message) bool { return r.sender != nobody && uint32(r.sender) == m.from }

// A share is a room, with which clients are in it and which senders: each so-many-th.
// The checks know them by their place among those.
type share struct{ rooms, room int }

// of returns how many of the first n are in the room.
func (s share) of(n int) int { return (n - s.room + s.rooms - 1) / s.rooms }

// has reports whether a sender is in the room.
func (s share) has(sender uint32) bool { return int(sender)%s.rooms == s.room }

// place returns the place of a number in the room, and number the number at a place.
func (s share) place(number int) int { return number / s.rooms }
func (s share) number(place int) int { return place*s.rooms + s.room }

// What is wrong, in words.

func crossed(client int, m message, s share) error {
	return fmt.Errorf("client %d received %v, which was sent in room %d, and is in room %d: it has crossed over",
		client, m, int(m.from)%s.rooms+1, s.room+1)
}

func ownMessage(client int, m message) error {
	return fmt.Errorf("client %d got back %v, its own", client, m)
}

func wrongNumber(client int, m message, want uint32) error {
	if m.number < want {
		return fmt.Errorf("client %d received %v a second time", client, m)
	}
	return fmt.Errorf("client %d received %v next, where number %d belongs: that is lost or out of order",
		client, m, want)
}

// notWritten says why a payload is nothing that a sender wrote.
func (c *codec) notWritten(client int, payload []byte) error {
	identity, ok1 := getNumeral(payload[identityAt:])
	at, ok2 := getNumeral(payload[timeAt:])
	m := messageOf(identity, at)
	if ok1 && ok2 && int(m.from) < len(c.names) {
		var want wire.Message
		c.write(want[:], m)
		first, differ := 0, 0
		for i := range want {
			if payload[i] != want[i] {
				if differ == 0 {
					first = i
				}
				differ++
			}
		}
		// Of a message of another run nearly all bytes differ.
		if differ < wire.Size/2 {
			return fmt.Errorf("client %d received %v changed: its byte %d is %#02x instead of %#02x (%s changed)",
				client, m, first, payload[first], want[first], english.Count(differ, "byte"))
		}
	}
	stranger := wire.Message(payload)
	return fmt.Errorf("client %d received what no sender of this run wrote: name %q, text %.70q",
		client, stranger.Name(), stranger.Text())
}
