package command

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"sop-chat/internal/history"
	"sop-chat/internal/names"
	"sop-chat/internal/rooms"
	"sop-chat/internal/server"
)

// openRooms are the rooms of a server that are open.
type openRooms struct {
	options  *serveOptions
	server   *server.Server
	keeper   *keeper
	display  *display
	mentions *mentionReader
	byName   map[string]openRoom
	cluster  *clusterLink
	rekeyed  *rekeyedRooms
	rereads  bool // there is a file of rooms
}

// An openRoom is a room of the server, and of the history.
type openRoom struct {
	*server.Room
	kept keptRoom
	key  string // that the options or the file say
	is   rooms.Room
}

var _ roomServer = (*openRooms)(nil)

// openAll opens the rooms with which the server starts.
func (r *openRooms) openAll() error { return r.open(r.options.allRooms()) }

// open opens rooms.
func (r *openRooms) open(all []rooms.Room) error {
	kept := make([]keptRoom, len(all))
	fails := func(c rooms.Room, err error) error { return fmt.Errorf("room %q: %w", cmp.Or(c.Name, roomName), err) }
	var err error
	for i, c := range all {
		if kept[i], err = r.keep(c); err != nil {
			return fails(c, err)
		}
	}
	r.cluster.prepare(all, kept, r.options)
	for i, c := range all {
		if err := r.openKept(c, kept[i]); err != nil {
			return fails(c, err)
		}
	}
	return nil
}

// reloadStep returns what keeps the rooms as their files say, if there are any. It warns of
// new keys.
func (r *openRooms) reloadStep(warn func([]rooms.Room), logger *slog.Logger) reloadStep {
	if o := r.options; !o.hasNamedRooms() || o.roomsFile == "" && o.config == nil {
		return nil
	}
	r.rereads = true
	reloader := &roomsReloader{
		read: r.options.readRooms, rooms: slices.Clone(r.options.rooms), rekeyed: r.rekeyed, server: r, warn: warn, logger: logger,
	}
	return r.options.config.unlessFailed(reloader.reload)
}

// takeKeys gives rooms the keys that operators gave them in the program before, unless the
// options or the file have another key than they had then.
func (r *openRooms) takeKeys(former []rekeyedRoom, logger *slog.Logger) {
	for _, f := range former {
		room, is := r.byName[f.Room]
		if !is || room.key != f.Instead {
			continue
		}
		if err := r.rekeyed.rekey(f.Room, f.Key, func() error { return r.server.SetKey(room.Room, f.Key) }); err != nil {
			logger.Warn("the key that an operator has given to a room is not in force any more", "room", shownRoomName(f.Room), "error", err)
		}
	}
}

// configuredKey returns the key of a room that the options or the file say.
func (r *openRooms) configuredKey(name string) string { return r.byName[name].key }

func (r *openRooms) openRoom(c rooms.Room) error {
	kept, err := r.keep(c)
	if err != nil {
		return err
	}
	return r.openKept(c, kept)
}

// keep has the history keep a room.
func (r *openRooms) keep(c rooms.Room) (keptRoom, error) {
	return r.keeper.open(cmp.Or(c.Name, roomName), r.keeping(c))
}

// openKept opens a room that is kept already.
func (r *openRooms) openKept(c rooms.Room, kept keptRoom) error {
	room, err := r.server.Open(server.RoomConfig{
		Name:        c.Name,
		Key:         c.Key,
		MaxClients:  c.MaxClients,
		Backlog:     r.options.backlog,
		Replay:      c.Replay,
		Kept:        r.options.kept(c.Replay),
		Rate:        rateOf(c),
		VerifyNames: c.VerifyNames,
		UniqueNames: uniqueNames(c),
		Announce:    c.Announce,
		Epochs:      kept.epochs(),
		Relay:       r.cluster.isOn(),
		Recaller:    r.cluster.recaller(),
	}, func(room *server.Room) error { return r.prepare(room, kept, c) })
	if err == nil {
		r.byName[c.Name] = openRoom{room, kept, c.Key, c}
	}
	return err
}

// prepare has readers follow the log of a room, behind what there is of it already.
func (r *openRooms) prepare(room *server.Room, kept keptRoom, c rooms.Room) error {
	follow := func() error {
		r.display.follow(room.Log(), room.Name())
		r.mentions.follow(room.Log(), room.Name())
		return nil
	}
	switch {
	case room.Restored():
		err := kept.goOn(room.Log())
		follow() // from behind what is restored
		if err == nil && r.cluster.isOn() {
			err = r.cluster.add(room, kept, 0, nil)
		}
		return err
	case r.cluster.isOn():
		return r.cluster.add(room, kept, r.options.kept(c.Replay), func() error {
			kept.begin(room.Log())
			return follow()
		})
	}
	err := kept.follow(room.Log())
	follow()
	return err
}

// reopen opens all rooms anew, for a cluster that can't go on with them. Their clients are
// disconnected, and those that come wait until that is done.
func (r *openRooms) reopen(ctx context.Context, reload *reloader) error {
	reload.mu.Lock()
	defer reload.mu.Unlock()
	rekeyed, unlock := r.rekeyed.hold(r.configuredKey)
	unlock()
	r.server.SetReopening(true)
	defer r.server.SetReopening(false)
	r.cluster.remember()
	defer func() { r.cluster.had = nil }()
	var all []rooms.Room
	for _, open := range r.byName {
		all = append(all, open.is)
		r.closeRoom(open.is)
	}
	if err := r.cluster.renew(ctx, nil); err != nil {
		return err
	}
	if err := r.open(all); err != nil {
		return err
	}
	r.takeKeys(rekeyed, r.cluster.logger)
	r.cluster.run()
	return nil
}

// uniqueNames returns what names look like if they must be unique in a room, or nil.
func uniqueNames(c rooms.Room) server.Skeletons {
	if !c.UniqueNames {
		return nil
	}
	return names.Skeletons
}

// keeping returns how the history keeps a room.
func (r *openRooms) keeping(c rooms.Room) history.RoomConfig {
	keeping := history.RoomConfig{Kept: r.options.kept(c.Replay), Retain: c.Retain.Age, RetainBytes: c.Retain.Bytes}
	if c.Retain.Age == 0 {
		keeping.Retain = -1 // for good, whatever --retain says
	}
	return keeping
}

func (r *openRooms) changeRoom(c rooms.Change) error {
	open := r.byName[c.To.Name]
	room, kept := open.Room, open.kept
	if c.HasNewKey() {
		if err := r.server.SetKey(room, c.To.Key); err != nil {
			return err
		}
	}
	open.key, open.is = c.To.Key, c.To
	r.byName[c.To.Name] = open
	r.server.SetMaxClients(room, c.To.MaxClients)
	if rate := rateOf(c.To); rate != rateOf(c.From) {
		r.server.SetRate(room, rate)
	}
	r.server.SetReplay(room, c.To.Replay, r.options.kept(c.To.Replay))
	r.server.SetNames(room, c.To.VerifyNames, uniqueNames(c.To))
	r.server.SetAnnounce(room, c.To.Announce)
	if c.Disconnects() {
		r.server.Disconnect(room)
	}
	return kept.change(r.keeping(c.To))
}

func (r *openRooms) closeRoom(c rooms.Room) error {
	r.cluster.remove(c.Name)
	r.server.Close(r.byName[c.Name].Room)
	delete(r.byName, c.Name)
	return nil
}
