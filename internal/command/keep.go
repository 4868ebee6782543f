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

// keepHistory begins to write the messages of a room to a file, if there is
// --history. Before that it puts the messages to replay into the room's log.
// Nobody may append to the log or follow it yet. Once the log is closed, wait
// returns when all messages are written, or an error if that is not possible.
func keepHistory(ctx context.Context, log *broadcast.Log, o serveOptions, logger *slog.Logger) (wait func() error, err error) {
	if o.history == "" {
		return func() error { return nil }, nil
	}
	archive, err := history.Open(o.history, history.Config{
		Room:   roomName,
		Window: o.historySync,
		Retain: o.retain,
		Replay: o.replay,
		Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	last, err := archive.Last()
	if err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	restore(log, last)
	archive.Follow(log)
	result := make(chan error, 1)
	go func() { result <- archive.Run(ctx) }()
	return func() error { return errors.Join(<-result, archive.Close()) }, nil
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
