package command

import (
	"log/slog"
	"maps"
	"slices"
	"strings"

	"sop-chat/internal/rooms"
)

// A roomServer opens, changes and closes rooms.
type roomServer interface {
	openRoom(rooms.Room) error
	changeRoom(rooms.Change) error
	closeRoom(rooms.Room) error
}

// A roomsReloader keeps the rooms of a server as their file says.
type roomsReloader struct {
	read    func() ([]rooms.Room, error)
	rooms   []rooms.Room // that the server has
	rekeyed *rekeyedRooms
	server  roomServer
	warn    func([]rooms.Room) // of keys
	logger  *slog.Logger
}

// reload is a reloadStep. It reads the file, and has the server do what has changed in it:
// nothing if it has an error.
func (r *roomsReloader) reload() (failed []*reloadError) {
	next, err := r.read()
	if err != nil {
		return []*reloadError{{what: "the rooms stay as they are", err: err}}
	}
	defer r.rekeyed.begin(r.rooms)() // so that the file counts
	d := rooms.Compare(r.rooms, next)
	there := make(map[string]rooms.Room)
	for _, room := range r.rooms {
		there[room.Name] = room
	}
	newKeys := slices.DeleteFunc(slices.Clone(next), func(room rooms.Room) bool { return room.Key == there[room.Name].Key })
	// did notes what became of a room, and reports whether it is as its file says.
	did := func(what string, room rooms.Room, err error) bool {
		if err != nil {
			failed = append(failed, &reloadError{"a room could not be " + what, []any{"room", room.Name, "at", room.At}, err})
			return false
		}
		r.logger.Debug("a room was "+what, "room", room.Name)
		return true
	}
	opened, closed := 0, 0
	for _, room := range d.Removed {
		if did("closed", room, r.server.closeRoom(room)) {
			delete(there, room.Name)
			closed++
		}
	}
	changed := make(map[string]bool)
	for _, c := range d.Changed {
		if did("changed", c.To, r.server.changeRoom(c)) {
			there[c.To.Name], changed[c.To.Name] = c.To, true
		}
	}
	for _, room := range d.Opened {
		if did("opened", room, r.server.openRoom(room)) {
			there[room.Name] = room
			opened++
		}
	}
	r.rooms = slices.SortedFunc(maps.Values(there), func(a, b rooms.Room) int { return strings.Compare(a.Name, b.Name) })
	r.logger.Info("the rooms have been read again", "rooms", len(r.rooms),
		"opened", opened, "closed", closed, "changed", len(changed))
	r.warn(newKeys)
	return failed
}
