package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/history"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A keeper keeps what is said in the rooms. Without --history, its archive is nil, and it
// does nothing.
type keeper struct {
	archive *history.Archive
	result  chan error // of Run
}

// openHistory opens the file of --history.
func openHistory(o serveOptions, former *history.Former, logger *slog.Logger) (*keeper, error) {
	k := new(keeper)
	if o.history == "" {
		return k, nil
	}
	config := history.Config{Window: o.historySync, Retain: o.retain.Age, RetainBytes: o.retain.Bytes, Logger: logger}
	if former != nil {
		config.Former = *former
	}
	var err error
	k.archive, err = history.Open(o.history, config)
	return k, err
}

// open opens a room, before the server does.
func (k *keeper) open(name string, c history.RoomConfig) (keptRoom, error) {
	if k.archive == nil {
		return keptRoom{}, nil
	}
	room, err := k.archive.Room(name, c)
	return keptRoom{room}, err
}

// A keptRoom is one whose messages are kept, or nil without --history.
type keptRoom struct{ *history.Room }

// epochs returns the room's epochs.
func (k keptRoom) epochs() server.Epochs {
	if k.Room == nil {
		return nil
	}
	return k.Epochs()
}

// follow puts the last messages into the room's log, and has what follows them be kept.
// Nobody may append to the log or follow it yet.
func (k keptRoom) follow(log *broadcast.Log) error {
	if k.Room == nil {
		return nil
	}
	last, err := k.Last()
	if err != nil {
		return err
	}
	log.SetFirst(k.Next() - uint64(len(last)))
	restore(log, last)
	k.Follow(log)
	return nil
}

// lacks returns the number of the first message that the history does not have; 0 if it has
// none of the room.
func (k keptRoom) lacks() uint64 {
	if k.Room == nil || k.Next() == 1 {
		return 0
	}
	return k.Next()
}

// has reports whether the history has a message with a number that was received at a time.
func (k keptRoom) has(number uint64, at time.Time) bool {
	return k.Room != nil && k.HasAt(number, at)
}

// until returns the last messages that the history has before a number, from which on the
// room goes on, without a gap before that.
func (k keptRoom) until(next uint64) ([]history.Message, error) {
	if k.Room == nil {
		return nil, nil
	}
	if err := k.Skip(next); err != nil {
		return nil, fmt.Errorf("%w; it is not this cluster's: give the server another --history FILE, or the cluster another --cluster-name", err)
	}
	return k.Last()
}

// begin has what follows be kept in a room's log.
func (k keptRoom) begin(log *broadcast.Log) {
	if k.Room != nil {
		k.Follow(log)
	}
}

// goOn has what follows be kept in a room's log that the program before has passed on.
func (k keptRoom) goOn(log *broadcast.Log) error {
	if k.Room == nil {
		return nil
	}
	return k.Continue(log)
}

// change changes how the room's messages are kept.
func (k keptRoom) change(c history.RoomConfig) error {
	if k.Room == nil {
		return nil
	}
	return k.Change(c)
}

// run begins to write what is said.
func (k *keeper) run(ctx context.Context) {
	if k.archive != nil {
		k.result = make(chan error, 1)
		go func() { k.result <- k.archive.Run(ctx) }()
	}
}

// wait returns when all messages are written, once the logs are closed, or an error if
// that is not possible. No room may be opened any more.
func (k *keeper) wait() error {
	if k.archive == nil {
		return nil
	}
	k.archive.Finish()
	return errors.Join(<-k.result, k.close())
}

// flush writes what was said, and returns what another program needs to go on with the
// file.
func (k *keeper) flush(ctx context.Context) (*history.Former, error) {
	if k.archive == nil {
		return nil, nil
	}
	if err := k.archive.Flush(ctx); err != nil {
		return nil, err
	}
	return new(k.archive.Former()), nil
}

// err returns an error while the history can't be written.
func (k *keeper) err() error {
	if k.archive == nil {
		return nil
	}
	return k.archive.Err()
}

func (k *keeper) close() error {
	if k.archive == nil {
		return nil
	}
	return k.archive.Close()
}

// restore appends messages of a history to a log.
func restore(log *broadcast.Log, messages []history.Message) {
	batch := broadcast.NewBatch(wire.Size)
	for i := range messages {
		m := &messages[i]
		batch.Add(&m.From, copy(batch.Free(), m.Wire[:]))
		log.Append(batch, m.Time)
	}
}
