// Package rooms is what the rooms of a server are configured to be: their names, keys
// and limits. It reads them from a file, checks that they can be rooms of one server,
// and says what has changed from one set of them to another.
//
// It knows no server and no signals, and opens nothing but the file.
package rooms

import (
	"time"

	"sop-chat/internal/tomlfile"
	"sop-chat/internal/wire"
)

// A Room is a room of the configuration.
type Room struct {
	Name string
	Key  string
	// MaxClients is how many clients the room takes; 0 is no limit.
	MaxClients int
	// Replay is how many of the last messages a client is sent when it joins.
	Replay int
	// Retain says which messages are removed from the history.
	Retain Retention
	// Rate is how many messages each member may send, and RateBurst how many of them at
	// once; 0 is what fits the rate.
	Rate      Rate
	RateBurst int
	// VerifyNames has each message carry the name its sender joined with.
	VerifyNames bool
	// UniqueNames has a name be refused that looks like that of somebody in the room.
	UniqueNames bool
	// Announce has the server say who joins and who leaves.
	Announce bool
	// DisconnectOnKeyChange has the clients disconnected when the key changes.
	DisconnectOnKeyChange bool
	// At is where the room is configured.
	At Place
}

// A Retention says which messages are kept: those that are younger than Age, and the last
// that take Bytes; 0 of either is all.
type Retention struct {
	Age   time.Duration
	Bytes int64
}

// A Place is where a room is configured.
type Place = tomlfile.Place

// Check returns an error unless rooms can be those of one server: valid names and keys,
// and no name or key twice. The error has the place, and never a key.
func Check(rooms []Room, allowEmptyKey bool) error {
	names := make(map[string]Place, len(rooms))
	keys := make(map[string]*Room, len(rooms))
	for i := range rooms {
		room := &rooms[i]
		if err := wire.CheckRoomName(room.Name); err != nil {
			return room.At.Errorf("%w", err)
		}
		if err := wire.CheckKey(room.Key); err != nil {
			return room.At.Errorf("room %q: %w", room.Name, err)
		}
		if room.Key == "" && !allowEmptyKey {
			return room.At.Errorf("room %q: the key is empty, so everyone could join; --allow-empty-key permits that", room.Name)
		}
		if first, found := names[room.Name]; found {
			return room.At.Errorf("there is another room %q, at %s; each needs a name of its own", room.Name, first)
		}
		if first, found := keys[room.Key]; found {
			return room.At.Errorf("room %q has the same key as room %q, at %s; the key decides the room, so each needs its own",
				room.Name, first.Name, first.At)
		}
		names[room.Name], keys[room.Key] = room.At, room
	}
	return nil
}
