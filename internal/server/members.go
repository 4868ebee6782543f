//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"sop-chat/internal/broadcast"
)

// Operators ask who is in the rooms, and disconnect clients. Both is asked of the loops, by
// values in their inboxes, and done at the end of a wake-up: the state of a loop is its own.

// A Member is a client in a room, as it was when its loop was asked.
type Member struct {
	broadcast.Sender
	Room      string
	Label     string // of the pass by which it came; "" if it came by the key of the room
	WebSocket bool
	Unsent    int // messages that it has yet to be sent

	// In a room that relays, Client is a number by which other servers know the client again
	// if it comes to them, and 0 if there is none; and NamedSince is since when it has its
	// name for itself, which is zero if others may have it, too.
	Client     uint64
	NamedSince time.Time
}

// A Who selects clients. All that is set has to fit; the zero Who selects all.
type Who struct {
	Room    *Room
	IDs     []uint64 // of connections, in order
	Network netip.Prefix
}

// has reports whether a client is selected that is in a room, or in none yet.
func (w *Who) has(c *conn, room *Room) bool {
	if w.Room != nil && w.Room != room {
		return false
	}
	if w.Network.IsValid() && !w.Network.Contains(c.Addr.Addr().Unmap().WithZone("")) {
		return false
	}
	if w.IDs != nil {
		_, found := slices.BinarySearch(w.IDs, c.ID)
		return found
	}
	return true
}

var errUnserved = errors.New("the server does not serve yet, or not any more")

// Members returns the members that are selected, in no order. A member that joins or
// leaves meanwhile may be among them.
func (s *Server) Members(ctx context.Context, who Who) ([]Member, error) {
	return s.ask(ctx, who, cause{})
}

// MemberChanges returns a number that grows whenever a client comes into a room or leaves one,
// so that Members need not be asked as long as it stays the same.
func (s *Server) MemberChanges() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loops {
		n += l.inbox.changes.Load()
	}
	return n
}

// MaxReason is how many bytes the reason may have that is given to clients.
const MaxReason = 90

// Kick disconnects the clients that are selected, members or not, and returns those that
// were members. A WebSocket is closed with the status 4403 and the reason, which may be
// empty.
func (s *Server) Kick(ctx context.Context, who Who, reason string) ([]Member, error) {
	if err := CheckReason(reason); err != nil {
		return nil, err
	}
	return s.ask(ctx, who, causeKicked(reason))
}

// KickBanned disconnects the clients of a network that Config.Origins has banned, like
// Kick. A client that comes meanwhile is refused or disconnected.
func (s *Server) KickBanned(ctx context.Context, network netip.Prefix, reason string) ([]Member, error) {
	if err := CheckReason(reason); err != nil {
		return nil, err
	}
	return s.ask(ctx, Who{Network: network}, causeBanned(reason))
}

// CheckReason returns an error if a reason can't be given to clients.
func CheckReason(reason string) error {
	if len(reason) > MaxReason {
		return fmt.Errorf("the reason is %d bytes long; at most %d fit", len(reason), MaxReason)
	}
	if !utf8.ValidString(reason) {
		return fmt.Errorf("the reason %q is not UTF-8", reason)
	}
	return nil
}

func causeKicked(reason string) cause {
	return causeOperator("was disconnected by an operator", "", reason)
}

func causeBanned(reason string) cause {
	return causeOperator("was disconnected by an operator, who banned its address", "this address is banned", reason)
}

// causeOperator is for a client that an operator disconnects, with words for the log and
// for the client, and a reason that is added to both.
func causeOperator(words, told, reason string) cause {
	c := cause{words: words, reason: kickedByOperator, level: slog.LevelInfo, complete: true, status: kicked, told: told}
	switch {
	case reason == "":
	case told == "":
		c.words, c.told = words+": "+reason, reason
	default:
		c.words, c.told = words+": "+reason, told+": "+reason
	}
	return c
}

// ask asks all loops for the members that are selected, and has them disconnected if there
// is a cause.
func (s *Server) ask(ctx context.Context, who Who, end cause) ([]Member, error) {
	answers := make(chan []Member, s.config.Loops)
	if !s.toFirst(func(b *inbox) { b.request(request{who, end, answers}) }) {
		return nil, errUnserved
	}
	var all []Member
	for range s.config.Loops {
		select {
		case some := <-answers:
			all = append(all, some...)
		case <-s.ended:
			return nil, errEnded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return all, nil
}

// toFirst gives something to the inbox of the first loop, and reports whether there is one.
func (s *Server) toFirst(give func(*inbox)) bool {
	s.mu.Lock()
	defer s.mu.Unlock() // so that it wakes no loop that has been destroyed
	if s.isServing {
		give(&s.loops[0].inbox)
	}
	return s.isServing
}
