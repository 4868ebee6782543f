package command

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/history"
	"sop-chat/internal/terminal"
)

const listExamples = `  sop-chat history list chat.db --last 10 --follow
      shows the last ten messages, and then new ones as they come

  sop-chat history list chat.db --since 2h --from alice
      shows what alice has written in the last two hours

  sop-chat history list chat.db --room lounge
      shows the last messages of one of several rooms`

const listAbout = `
Shows messages as the server's console does, with the date, and if there are
several rooms, with the room. FILE is the server's --history.`

// newHistoryList returns the command that shows messages.
func newHistoryList(p Process) *cobra.Command {
	var f historyFilter
	var follow bool
	defineFlags := func(flags *pflag.FlagSet) {
		define(flags, &f.last, "last", "N", "auto", lastLimit,
			`How many messages are shown at most, the last ones. 0 is all. auto is 50, or all with --since.`)
		f.define(flags)
		define(flags, &follow, "follow", "", "false", truth,
			`Goes on to show new messages, until Ctrl+C.`)
	}
	return newHistoryCommand(p, &cobra.Command{
		Use:     "list [flags] FILE",
		Short:   "Shows the last messages, or those of a time or a person.",
		Long:    listAbout,
		Example: listExamples,
	}, historyOptions{flags: defineFlags}, func(ctx context.Context, args []string) error {
		return read(ctx, args[0], f.room, func(r *history.Reader) error { return list(ctx, r, &f, follow, p) })
	})
}

// defaultShown is how many messages are shown by default.
const defaultShown = 50

func list(ctx context.Context, r *history.Reader, f *historyFilter, follow bool, p Process) error {
	standard := defaultShown
	if !f.since.IsZero() {
		standard = 0
	}
	lines := newHistoryLines(&checkedOutput{w: p.Stdout}, hasColours(p))
	lines.reportMissing, lines.mayShowRooms = f.from == "", f.room == ""
	if !follow {
		return showAll(ctx, r, f.filter(standard), lines)
	}
	follower := historyFollower{reader: r, lines: lines, next: f.filter(standard)}
	return follower.follow(ctx, terminal.Hangup(ctx, p.Stdout))
}

// showAll writes the messages that a filter selects.
func showAll(ctx context.Context, r *history.Reader, filter history.Filter, lines *historyLines) error {
	if err := lines.look(ctx, r); err != nil {
		return err
	}
	for m, err := range r.Messages(ctx, filter) {
		if err != nil {
			return err
		}
		if err := lines.message(m); err != nil {
			return err
		}
	}
	return lines.out.Flush()
}
