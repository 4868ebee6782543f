package command

import (
	"github.com/spf13/cobra"

	"sop-chat/internal/broadcast"
)

// roomName is the name in the history of the one room there is.
const roomName = "main"

// keptMessages is how many of the last messages the log keeps for clients that come
// back, if --replay does not need more and the backlog has space.
const keptMessages = 512

// kept returns how many of the last messages the log of a room keeps that replays some
// number of them.
func (o *serveOptions) kept(replay int) int {
	return min(max(keptMessages, replay), broadcast.MaxRetained(o.backlog))
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
