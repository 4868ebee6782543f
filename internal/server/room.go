//go:build linux

package server

import (
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
)

// A RoomConfig says what a room is to be.
type RoomConfig struct {
	// Name is the room's name, by which operators know it; no other room has it. A
	// room that is the only one may have none.
	Name string
	// Key is what a client must give to get in, see wire.CheckKey. No other room has
	// it.
	Key string
	// MaxClients is how many slots for clients the room has; 0 is no limit. Clients at
	// other servers take slots, too, see Server.SetElsewhere.
	MaxClients int
	// Backlog is how many bytes of messages the room keeps for clients that lag
	// before its senders have to wait.
	Backlog int
	// Replay is how many of the room's last messages a client is sent when it
	// joins, before the new ones; and Kept how many are kept for those that join
	// again and say what they have (Subprotocol), at least Replay. Both are
	// broadcast.MaxRetained at most.
	Replay, Kept int
	// Rate is how many messages each member may send.
	Rate Rate
	// VerifyNames has each message carry the name its sender joined with, whatever its
	// sender put there. That of a client that joined by a pass is its label.
	VerifyNames bool
	// UniqueNames says which names look alike. A client is refused whose name looks like
	// that of one in the room, at whichever server; nil refuses none for its name.
	UniqueNames Skeletons
	// Announce has the server say in the room who joins and who leaves.
	Announce bool
	// Relay has what is said in the room go to its members only after it has been somewhere
	// else: it is appended to the log that Room.Outgoing returns, and Room.Deliver brings
	// it back.
	Relay bool
	// Recaller has the clients of a room that relays be recalled from other servers; nil if
	// they come from none.
	Recaller Recaller
	// Epochs say what the numbers are worth that clients have; nil is a new epoch.
	Epochs Epochs
}

// Epochs say what the number of a message is worth that a client has: numbers may be
// given out again after a restart, and each start begins an epoch. Any goroutine may
// call the methods.
type Epochs interface {
	// Current returns the epoch that began when this server started.
	Current() uint64
	// Has reports whether an epoch is known.
	Has(epoch uint64) bool
	// Known returns up to which number a client has the messages of the room, if in
	// an epoch it had them up to a number; 0 if the epoch is not known.
	Known(epoch, number uint64) uint64
}

// A Room is a key, a number of slots for clients, and the log of what is said in it.
// Its methods may be called by any goroutine.
type Room struct {
	name      string
	key       string // guarded by the rooms' lock
	epochs    Epochs
	replay    atomic.Int64
	verify    atomic.Bool // RoomConfig.VerifyNames
	names     takenNames
	slots     atomic.Int64 // 0: no limit
	taken     atomic.Int64
	rate      atomic.Pointer[rateLimit] // nil: there is none
	elsewhere atomic.Pointer[elsewhere] // nil: there is no other server
	at        []roomAt                  // by loop
	log       *broadcast.Log
	relay     *relay // nil: what is said is appended to log

	arrivals  atomic.Pointer[arrivals]  // nil: nothing was ever to be announced
	restraint atomic.Pointer[restraint] // nil: it was never pressed
	speaker   *speaker                  // the server; nil only if it says nothing

	closing    atomic.Bool  // nobody is let in any more
	open       atomic.Int32 // loops that have not closed it; more than 0 unless it is closing
	isRestored bool         // see Restored
}

// A roomAt is what a room has at a loop.
type roomAt struct {
	members  atomic.Int32 // how many of the slots that are taken
	audience int32        // one more than its index; 0 if there is none; the loop's alone
}

// newRoom returns an empty room to which that many loops publish. Its log is one of a
// pool.
func newRoom(c RoomConfig, loops int, pool *broadcast.Pool) *Room {
	r := &Room{name: c.Name, key: c.Key, epochs: c.Epochs, at: make([]roomAt, loops)}
	r.slots.Store(int64(c.MaxClients))
	r.replay.Store(int64(c.Replay))
	r.rate.Store(newRateLimit(c.Rate))
	r.verify.Store(c.VerifyNames)
	r.names.lookBy(c.UniqueNames)
	r.setAnnounce(c.Announce)
	r.open.Store(int32(loops))
	slack := loops * batchSize
	if c.Relay {
		slack = MaxDelivery
	}
	r.log = pool.NewLog(c.Backlog, slack)
	if c.Relay {
		r.relay = newRelay(c, loops, pool, r.log)
	}
	r.log.Retain(max(c.Kept, c.Replay), c.Replay)
	return r
}

// Name returns the room's name.
func (r *Room) Name() string { return r.name }

// Restored reports whether the room was handed over by another process. Its log then has
// what it had there, with the same numbers, and nothing may be put into it before.
func (r *Room) Restored() bool { return r.isRestored }

// Replay returns how many of the last messages a client is sent when it joins.
func (r *Room) Replay() int { return int(r.replay.Load()) }

// Clients returns how many clients are in the room, or about to be, at this server.
func (r *Room) Clients() int64 { return r.taken.Load() }

// MaxClients returns how many may be; 0 is no limit.
func (r *Room) MaxClients() int64 { return r.slots.Load() }

// VerifiesNames reports whether each message has the name its sender joined with.
func (r *Room) VerifiesNames() bool { return r.verify.Load() }

// Log returns the room's log. It ends (io.EOF for followers) when the room is closed
// and its last client is gone, or when the server ends.
func (r *Room) Log() *broadcast.Log { return r.log }

// enter takes a slot for a client and reports whether there was one. The client is a
// clientToken.
func (r *Room) enter(client uint64) bool {
	slots := r.slots.Load()
	if taken := r.taken.Add(1); slots > 0 && taken+r.elsewhere.Load().count(client) > slots {
		r.taken.Add(-1)
		return false
	}
	return true
}

// leave gives back the slot of a connection, and its name. Nothing more may be announced
// about the connection.
func (r *Room) leave(c *conn) {
	r.names.free(c)
	r.elsewhere.Load().leave(c)
	r.taken.Add(-1)
	r.closeLog()
}

// full reports whether no slot is left.
func (r *Room) full() bool {
	slots := r.slots.Load()
	return slots > 0 && r.taken.Load()+r.elsewhere.Load().count(0) >= slots
}

// closeAt is called by each loop when it has nobody in a closing room and lets nobody in
// any more.
func (r *Room) closeAt() {
	r.open.Add(-1)
	r.closeLog()
}

// closeLog closes the log of a closing room when the last loop has closed the room, and no
// slot is taken: the acceptor may have assigned a client to a loop that had closed it.
func (r *Room) closeLog() {
	if r.open.Load() == 0 && r.taken.Load() == 0 {
		r.endLogs()
	}
}

// announce announces a notice to the followers of a log. It costs nothing while there
// are none: thousands of clients may come and go.
func announce(log *broadcast.Log, n broadcast.Notice, at time.Time) {
	if !log.Followed() {
		return
	}
	kept := n
	kept.Time = at
	log.Announce(&kept)
}
