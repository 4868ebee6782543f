package command

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
	"sop-chat/internal/rooms"
)

// A roomList is the value of --room: a room in each line. Each use of the flag adds to
// it.
type roomList []rooms.Room

var _ pflag.Value = (*roomList)(nil)

func (*roomList) String() string { return "" } // it has keys
func (*roomList) Type() string   { return "NAME=KEY" }

func (l *roomList) Set(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			continue
		}
		name, key, found := strings.Cut(line, "=")
		if !found { // what there is may be the key
			return errors.New("there is no '='; a room is NAME=KEY")
		}
		*l = append(*l, rooms.Room{Name: name, Key: key})
	}
	return nil
}

// hasNamedRooms reports whether there are other rooms than that of KEY.
func (o *serveOptions) hasNamedRooms() bool { return len(o.fixedRooms) > 0 || o.rereadsRooms() }

// rereadsRooms reports whether there are rooms of a file.
func (o *serveOptions) rereadsRooms() bool { return o.roomsFile != "" || o.config.begins(roomTable) }

// setRooms sets all rooms, if there are others than that of KEY.
func (o *serveOptions) setRooms(cmd *cobra.Command, withKey bool) error {
	if !o.hasNamedRooms() {
		return nil
	}
	if o.stage <= 2 {
		return usagef("--room and --rooms open rooms from stage 3 on, not in stage %d", o.stage)
	}
	at := rooms.Place{Source: variable("room")}
	if cmd.Flags().Changed("room") {
		at.Source = "--room"
	}
	standard := o.roomDefaults()
	for i, given := range o.fixedRooms {
		o.fixedRooms[i] = standard
		o.fixedRooms[i].Name, o.fixedRooms[i].Key, o.fixedRooms[i].At = given.Name, given.Key, at
	}
	if withKey {
		own := standard
		own.Name, own.Key, own.At = roomName, o.key, rooms.Place{Source: "KEY"}
		o.fixedRooms = append(roomList{own}, o.fixedRooms...)
	}
	var err error
	o.rooms, err = o.readRooms()
	if _, unreadable := errors.AsType[*fs.PathError](err); err != nil && !unreadable {
		return usageError(err.Error())
	}
	return err
}

// allRooms returns all rooms that the server begins with. The only one has no name.
func (o *serveOptions) allRooms() []rooms.Room {
	if len(o.rooms) > 0 {
		return o.rooms
	}
	only := o.roomDefaults()
	only.Key = o.key
	return []rooms.Room{only}
}

// roomDefaults returns a room with what the flags say for all.
func (o *serveOptions) roomDefaults() rooms.Room {
	return rooms.Room{
		MaxClients: o.maxClients, Replay: o.replay,
		Retain: rooms.Retention{Age: o.retain.Age}, // the size is that of the file
		Rate:   o.rate, RateBurst: o.rateBurst,
		VerifyNames: o.verifyNames, UniqueNames: o.uniqueNames, Announce: o.talk.announce,
	}
}

// roomRules returns how files of rooms are read.
func roomRules(standard rooms.Room) rooms.Rules {
	return rooms.Rules{
		Default:    standard,
		MaxClients: clientLimit,
		Replay:     replayCount,
		Retain:     retention,
		Rate:       rateOrNone,
		RateBurst:  rateBurst,
	}
}

// readRooms returns all rooms, those of the file of rooms as it is now.
func (o *serveOptions) readRooms() ([]rooms.Room, error) {
	all, rules := slices.Clone([]rooms.Room(o.fixedRooms)), roomRules(o.roomDefaults())
	if o.roomsFile != "" {
		read, err := rooms.Read(o.roomsFile, rules)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	for _, table := range o.config.tables(roomTable) {
		room, wrong := rooms.FromTable(table, rules)
		if len(wrong) > 0 {
			return nil, wrong[0]
		}
		all = append(all, room)
	}
	if len(all) == 0 {
		return nil, usagef("%s: there is no room any more; each begins with a line [[room]]", o.config.name())
	}
	if err := rooms.Check(all, o.allowEmptyKey); err != nil {
		return nil, err
	}
	return all, o.checkRooms(all)
}

// checkRooms returns an error if a room has a setting that the server's do not permit.
func (o *serveOptions) checkRooms(all []rooms.Room) error {
	most := broadcast.MaxRetained(o.backlogOrDefault())
	for _, room := range all {
		switch {
		case room.Replay > most:
			return usagef("%s: room %q: replay = %d is too much for a --backlog of %s, of which a quarter can be replayed: %s",
				room.At, room.Name, room.Replay, humanize.IBytes(uint64(o.backlogOrDefault())), english.Count(most, "message"))
		case room.Retain != (rooms.Retention{}) && room.Retain != o.roomDefaults().Retain && o.history == "":
			return usagef("%s: room %q: retain removes messages from a history, so it needs --history", room.At, room.Name)
		}
	}
	return nil
}
