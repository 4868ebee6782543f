package command

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/history"
	"sop-chat/internal/wire"
)

// roomName is the name in the history of the one room there is.
const roomName = "main"

// keptMessages is how many of the last messages the log keeps for clients that come
// back, if --replay does not need more and the backlog has space.
const keptMessages = 512

// kept returns how many of the last messages the log keeps.
func (o *serveOptions) kept() int {
	return min(max(keptMessages, o.replay), broadcast.MaxRetained(o.backlog))
}

// checkHistory returns an error if an option about the history has no effect.
func (o *serveOptions) checkHistory(cmd *cobra.Command) error {
	switch {
	case o.history != "" && o.stage <= 2:
		return usagef("--history keeps messages from stage 3 on, not in stage %d", o.stage)
	case o.history == "" && cmd.Flags().Changed("retain"):
		return usagef("--retain removes messages from a history, so it needs --history")
	case o.history == "" && cmd.Flags().Changed("history-sync"):
		return usagef("--history-sync is about a history, so it needs --history")
	}
	return nil
}

// A keeper keeps what is said in a room.
type keeper struct {
	epochs history.Epochs
	// wait returns when all messages are written, once the log is closed, or an
	// error if that is not possible.
	wait func() error
}

// keepHistory begins to write the messages of a room to a file, if there is
// --history. Before that it puts the last messages into the room's log. Nobody may
// append to the log or follow it yet.
func keepHistory(ctx context.Context, log *broadcast.Log, o serveOptions, logger *slog.Logger) (keeper, error) {
	if o.history == "" {
		return keeper{history.NewEpochs(), func() error { return nil }}, nil
	}
	archive, err := history.Open(o.history, history.Config{
		Room:   roomName,
		Window: o.historySync,
		Retain: o.retain,
		Kept:   o.kept(),
		Logger: logger,
	})
	if err != nil {
		return keeper{}, err
	}
	last, err := archive.Last()
	if err != nil {
		return keeper{}, errors.Join(err, archive.Close())
	}
	log.SetFirst(archive.Next() - uint64(len(last)))
	restore(log, last)
	archive.Follow(log)
	result := make(chan error, 1)
	go func() { result <- archive.Run(ctx) }()
	return keeper{archive.Epochs(), func() error { return errors.Join(<-result, archive.Close()) }}, nil
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
