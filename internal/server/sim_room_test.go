//go:build linux

package server

import (
	"fmt"
	"strings"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A simRoom is a room, and what is known of it.
type simRoom struct {
	world  *world
	room   *Room
	config simRoomConfig
	oracle *oracle
	gate   *simGate // nil if what is appended is published at once
	link   *simLink // nil if the room does not relay

	keys    map[string]bool // those that it has had
	debts   map[*simClient]debt
	refused int // clients, for their names
	closed  bool
	emptied bool // its clients were disconnected

	said        map[int]wire.Message // by their index, what the server has said that was not read yet
	speeches    []wire.Message       // the same in a room that relays, in their order
	present     int                  // clients
	announced   int                  // clients, by what the server says
	announcedAt time.Time            // when that was last
}

// A simRoomConfig is what a seed chooses of a room's settings.
type simRoomConfig struct {
	slots, backlog, replay, kept int
	first                        uint64 // the number of the first message
	rate                         Rate
	verifies, unique             bool // names
	announces                    bool
	relays                       bool
}

// drawRoom returns settings of a room.
func (w *world) drawRoom() simRoomConfig {
	c := simRoomConfig{
		slots:   []int{0, 4, 8}[w.rng.IntN(3)],
		backlog: 32 << 10 << w.rng.IntN(4),
		first:   []uint64{1, 1 << 40}[w.rng.IntN(2)],
	}
	c.verifies, c.unique, c.announces = w.chance(2), w.chance(2), w.chance(2)
	if w.chance(2) {
		c.kept = w.rng.IntN(broadcast.MaxRetained(c.backlog) + 1)
		c.replay = w.rng.IntN(c.kept + 1)
	}
	c.rate = w.drawRate()
	c.relays = w.chance(3)
	return c
}

// addRoom opens a room.
func (w *world) addRoom(c simRoomConfig) *simRoom {
	r := &simRoom{world: w, config: c, keys: make(map[string]bool), debts: make(map[*simClient]debt), said: make(map[int]wire.Message)}
	name := fmt.Sprintf("room %d", len(w.rooms))
	config := c.roomConfig(name, "the key of "+name)
	r.room = newRoom(config, w.config.loops, w.pool)
	r.room.speaker = w.speeches.of
	r.room.BeginAt(c.first, simEpoch)
	r.room.epochs = simEpochs{}
	r.oracle = newOracle(r)
	if c.relays {
		r.link = newSimLink(r)
	}
	if w.chance(3) {
		r.gate = newSimGate(r)
	}
	if err := w.shared.add(r.room); err != nil {
		w.failf("a room can't be added: %v", err)
	}
	w.rooms = append(w.rooms, r)
	r.keys[config.Key] = true
	return r
}

func (c *simRoomConfig) roomConfig(name, key string) RoomConfig {
	config := RoomConfig{
		Name: name, Key: key, Epochs: simEpochs{},
		MaxClients: c.slots, Backlog: c.backlog, Replay: c.replay, Kept: c.kept, Rate: c.rate,
		VerifyNames: c.verifies, Announce: c.announces, Relay: c.relays,
	}
	if c.unique {
		config.UniqueNames = simSkeletons
	}
	return config
}

// simSkeletons are like those of package names: Ian is like ian and like lan, which are
// not like each other, whatever their numbers are. A client's is like no other.
func simSkeletons(name string) []string {
	if !strings.HasPrefix(name, "client ") {
		name, _, _ = strings.Cut(name, " ")
	}
	shown, lower := strings.ToLower(strings.ReplaceAll(name, "I", "l")), strings.ToLower(name)
	if shown == lower {
		return []string{lower}
	}
	return []string{shown, lower}
}

func (r *simRoom) key() string { return r.room.key }

// change closes a room, opens one, changes a key or the rate, or has the clients of a
// room be disconnected.
func (w *world) change() {
	r := w.any()
	switch w.rng.IntN(6) {
	case 0:
		if len(w.shared.all()) == 1 {
			return
		}
		w.shared.remove(r.room)
		r.room.closing.Store(true)
		r.closed = true
		w.empty(emptying{r.room, causeClosed})
	case 1:
		if len(w.rooms) < 12 {
			w.addRoom(w.drawRoom())
		}
	case 2:
		key := fmt.Sprintf("%s, changed", r.key())
		if err := w.shared.changeKey(r.room, key); err != nil {
			w.failf("the key of %s can't be changed: %v", r.room.name, err)
		}
		r.keys[key] = true
	case 3:
		r.emptied = true
		w.empty(emptying{r.room, causeRekeyed})
	default:
		r.setRate(w.drawRate())
	}
}

func (w *world) empty(e emptying) { w.loops[0].inbox.empty(e) }

// dismissed reports whether the client had to go because of its room, or its address.
func (c *simClient) dismissed() bool {
	return c.isUnpassed() || c.room.closed || c.room.emptied && c.reason == causeRekeyed.words || c.isRevoked() && c.reason == causeRevoked.words ||
		c.denied && c.reason == causeDenied.words || c.wasKicked()
}

// shutdown checks that nothing is left of the room when all loops have ended.
func (r *simRoom) shutdown() {
	w := r.world
	if r.closed && r.room.open.Load() != 0 {
		w.failf("%d loops have not closed %s", r.room.open.Load(), r.room.name)
	}
	r.closeLog()
	if taken := r.room.taken.Load(); taken != 0 {
		w.failf("%d slots of %s are left taken", taken, r.room.name)
	}
	if n := len(r.room.names.byConn) + len(r.room.names.taken); n != 0 {
		w.failf("names of %s are left taken: %v", r.room.name, r.room.names.taken)
	}
	for i := range r.room.at {
		if n := r.room.at[i].members.Load(); n != 0 {
			w.failf("loop %d is believed to have %d members of %s", i, n, r.room.name)
		}
	}
}

// closeLog closes the room's log, and has its readers read it to its end.
func (r *simRoom) closeLog() {
	r.room.endLogs()
	if r.gate != nil {
		r.gate.follower.Close()
	}
	if r.link != nil {
		r.link.end()
	}
	r.oracle.read()
	r.oracle.follower.Close()
}

// simEpochs are the epochs of all rooms: there is but one.
type simEpochs struct{}

func (simEpochs) Current() uint64       { return simEpoch }
func (simEpochs) Has(epoch uint64) bool { return epoch == simEpoch }

func (simEpochs) Known(epoch, number uint64) uint64 { return number }

// readAll reads what is new in the logs.
func (w *world) readAll() {
	for _, r := range w.rooms {
		if r.link != nil && !r.link.ended {
			r.link.see()
		}
		r.oracle.read()
	}
}

// publishAll publishes what was appended behind gates, and reports whether that was
// anything.
func (w *world) publishAll() (did bool) {
	for _, r := range w.rooms {
		did = r.gate != nil && r.gate.publish() || did
	}
	return did
}

// any returns one of the rooms that are open.
func (w *world) any() *simRoom {
	for {
		if r := w.rooms[w.rng.IntN(len(w.rooms))]; !r.closed {
			return r
		}
	}
}
