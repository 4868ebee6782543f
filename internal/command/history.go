package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/history"
)

const historyExamples = `  sop-chat --history chat.db 9000 secret
      runs a server that keeps the messages in chat.db

  sop-chat history list chat.db
      shows the last messages in it, also while the server runs

  sop-chat history search chat.db lunch
      shows the messages with the word lunch

  sop-chat history export chat.db --format html > chat.html
      makes a page of them`

const historyAbout = `
FILE is an SQLite database that a server writes with --history. Only prune
changes it. All commands may run while the server does.`

// newHistory returns the command that reads a server's history, with the commands
// below it.
func newHistory(p Process) *cobra.Command {
	return newGroup(&cobra.Command{
		Use:     "history COMMAND FILE",
		Short:   "Shows, searches, exports and backs up a server's history.",
		Long:    historyAbout,
		Example: historyExamples,
	}, newHistoryList(p), newHistorySearch(p), newHistoryExport(p), newHistoryStats(p), newHistoryBackup(p), newHistoryCheck(p), newHistoryPrune(p))
}

// historyOptions are the options of a command below history.
type historyOptions struct {
	flags func(*pflag.FlagSet) // defines its own
	more  bool                 // the last argument may be several words
	args  []string
}

func (h *historyOptions) defineFlags(flags *pflag.FlagSet) { h.flags(flags) }

func (h *historyOptions) readArguments(cmd *cobra.Command, args []string, _ Process) error {
	names := strings.Fields(strings.TrimPrefix(cmd.Use, cmd.Name()))
	names = names[1:] // without [flags]
	if len(args) < len(names) {
		return usagef("%s is missing", names[len(args)])
	}
	if len(args) > len(names) && !h.more {
		return usagef("%q is one argument too many", args[len(names)])
	}
	h.args = args
	return nil
}

// A historyRun runs a command with the arguments after its name.
type historyRun func(ctx context.Context, args []string) error

// newHistoryCommand completes a command below history, as newCommand does.
func newHistoryCommand(p Process, cmd *cobra.Command, o historyOptions, run historyRun) *cobra.Command {
	return newCommand(p, cmd, &o, func(ctx context.Context) error {
		ctx, done := untilSignal(ctx, p, slog.New(slog.DiscardHandler), endSignals()...)
		defer done()
		err := untilOutputStuck(ctx, func() error { return run(ctx, o.args) })
		if _, ok := errors.AsType[outputError](err); err != nil && !ok && ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	})
}

// untilOutputStuck calls do, which ends when ctx is done. If it waits for an output
// that nobody reads then, such as a pager's, which ignores Ctrl+C, it is left
// behind.
func untilOutputStuck(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stdoutTimeout):
		return context.Cause(ctx)
	}
}

// historyFilter has the flags that select messages.
type historyFilter struct {
	last  int // or automatic
	room  string
	since time.Time
	from  string
}

func (f *historyFilter) define(flags *pflag.FlagSet) {
	defineRoom(flags, &f.room)
	define(flags, &f.since, "since", "TIME", "", pastOrNone,
		`Only messages from then on: an age, such as 30m, 2h or 7d, or a date, such as `+
			`2026-11-24 or "2026-11-24 16:02".`)
	define(flags, &f.from, "from", "NAME", "", anyText,
		`Only messages of clients that joined with that name.`)
}

// defineRoom defines the flag that selects the messages of a room.
func defineRoom(flags *pflag.FlagSet, room *string) {
	define(flags, room, "room", "NAME", "", anyText,
		`Only messages of that room.`)
	flags.SetAnnotation("room", withoutVariable, nil)
	flags.SetAnnotation("room", roomOfFile, nil)
}

// filter returns the filter; standard is the value of --last for auto.
func (f *historyFilter) filter(standard int) history.Filter {
	last := f.last
	if last == automatic {
		last = standard
	}
	return history.Filter{Room: f.room, Since: f.since, From: f.from, Last: last}
}

// lastLimit parses how many messages are shown, or the word auto.
var lastLimit = orAutomatic(wholeNumber(0, 1<<31-1))

// pastOrNone parses a time in the past, or an empty text.
func pastOrNone(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return past(text)
}

// past parses a time in the past: how long ago it was, or a local date.
func past(text string) (time.Time, error) {
	if d, err := age(text); err == nil {
		return time.Now().Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither an age, such as 30m, 12h, 90d or 4w, nor a date, such as 2026-11-24 or 2026-11-24 16:02", text)
}

// read opens a file, and calls do with its reader, if it has a room, whose name may be
// empty.
func read(ctx context.Context, path, room string, do func(*history.Reader) error) error {
	r, err := history.OpenForeign(ctx, path)
	if err != nil {
		return err
	}
	if err = r.CheckRoom(ctx, room); err == nil {
		err = do(r)
	}
	return errors.Join(err, r.Close())
}
