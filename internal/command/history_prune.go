package command

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/english"
	"sop-chat/internal/history"
)

const pruneExamples = `  sop-chat history prune chat.db --older-than 90d
      removes messages that are more than 90 days old

  sop-chat history prune chat.db --to-size 10GB
      removes the oldest messages until the file is that small`

const pruneAbout = `
Removes old messages for good, and gives their space back to the system. The
server may go on writing meanwhile. A server that is started with --retain
removes old messages by itself.`

// newHistoryPrune returns the command that removes old messages.
func newHistoryPrune(p Process) *cobra.Command {
	var before time.Time
	var size int64
	var room string
	defineFlags := func(flags *pflag.FlagSet) {
		define(flags, &before, "older-than", "TIME", "", pastOrNone,
			`Which messages are removed: those older than an age, such as 12h, 90d or 4w, or from before a date, `+
				`such as 2026-11-24. This flag is required, or the next.`)
		define(flags, &size, "to-size", "SIZE", "", sizeOrNone,
			`Removes the oldest messages of all rooms until the file is about as small as that, such as 10GB.`)
		defineRoom(flags, &room)
	}
	return newHistoryCommand(p, &cobra.Command{
		Use:     "prune [flags] FILE",
		Short:   "Removes old messages.",
		Long:    pruneAbout,
		Example: pruneExamples,
	}, historyOptions{flags: defineFlags}, func(ctx context.Context, args []string) error {
		switch {
		case before.IsZero() && size == 0:
			return usagef("--older-than is missing, or --to-size: they say which messages to remove, such as --older-than 90d")
		case !before.IsZero() && size > 0:
			return usagef("--older-than and --to-size are two ways to say which messages to remove; give one of them")
		case size > 0 && room != "":
			return usagef("--to-size is about the whole file, not about one --room")
		case size > 0:
			return pruneToSize(ctx, args[0], size, p)
		}
		return prune(ctx, args[0], room, before, p)
	})
}

func prune(ctx context.Context, path, room string, before time.Time, p Process) error {
	bar := newBar(p)
	done, err := history.Prune(ctx, path, room, before, func(done, all int64) {
		bar.show(barLine("removing", float64(done)/float64(all), fmt.Sprintf("%s of %s", humanize.Comma(done), count(all, "message"))))
	})
	bar.remove()
	return pruned(ctx, done, err, p)
}

func pruneToSize(ctx context.Context, path string, size int64, p Process) error {
	bar := newBar(p)
	done, err := history.PruneToSize(ctx, path, size, func(done, all int64) {
		bar.show(barLine("removing", float64(done)/float64(all), fmt.Sprintf("%s of %s", humanize.Bytes(uint64(done)), humanize.Bytes(uint64(all)))))
	})
	bar.remove()
	return pruned(ctx, done, err, p)
}

// pruned says how many messages were removed.
func pruned(ctx context.Context, done int64, err error, p Process) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted; %s removed", count(done, "message"))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(&checkedOutput{w: p.Stdout}, "%s removed\n", count(done, "message"))
	return err
}

// count returns a number and its noun, with commas in the number.
func count[N int | int64](n N, noun string) string {
	return humanize.Comma(int64(n)) + " " + english.Noun(n, noun)
}
