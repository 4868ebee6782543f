package command

import (
	"context"
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

// A reloader keeps the rooms of a server as their file says.
type reloader struct {
	read   func() ([]rooms.Room, error)
	rooms  []rooms.Room // that the server has
	server roomServer
	warn   func([]rooms.Room) // of keys
	logger *slog.Logger
}

// run reads the file again for each request, unless r is nil, and then calls then, until
// ctx is done.
func (r *reloader) run(ctx context.Context, requests <-chan struct{}, then func()) {
	for {
		select {
		case <-requests:
			if r != nil {
				r.reload()
			}
			then()
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the file, and has the server do what has changed in it: nothing if it has
// an error.
func (r *reloader) reload() {
	next, err := r.read()
	if err != nil {
		r.logger.Error("the rooms stay as they are", "error", err)
		return
	}
	d := rooms.Compare(r.rooms, next)
	there := make(map[string]rooms.Room)
	for _, room := range r.rooms {
		there[room.Name] = room
	}
	newKeys := slices.DeleteFunc(slices.Clone(next), func(room rooms.Room) bool { return room.Key == there[room.Name].Key })
	opened, closed := 0, 0
	for _, room := range d.Removed {
		if r.succeeds("closed", room, r.server.closeRoom(room)) {
			delete(there, room.Name)
			closed++
		}
	}
	changed := make(map[string]bool)
	for _, c := range d.Changed {
		if r.succeeds("changed", c.To, r.server.changeRoom(c)) {
			there[c.To.Name], changed[c.To.Name] = c.To, true
		}
	}
	for _, room := range d.Opened {
		if r.succeeds("opened", room, r.server.openRoom(room)) {
			there[room.Name] = room
			opened++
		}
	}
	r.rooms = slices.SortedFunc(maps.Values(there), func(a, b rooms.Room) int { return strings.Compare(a.Name, b.Name) })
	r.logger.Info("the rooms have been read again", "rooms", len(r.rooms),
		"opened", opened, "closed", closed, "changed", len(changed))
	r.warn(newKeys)
}

// succeeds logs what happened to a room, and reports whether it did.
func (r *reloader) succeeds(what string, room rooms.Room, err error) bool {
	if err != nil {
		r.logger.Error("a room could not be "+what, "room", room.Name, "at", room.At, "error", err)
		return false
	}
	r.logger.Debug("a room was "+what, "room", room.Name)
	return true
}
