package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/history"
)

const backupExamples = `  sop-chat history backup chat.db backup.db
      copies all messages until now to backup.db

  sop-chat history check backup.db
      says whether the copy is whole`

const backupAbout = `
Writes all messages that are in FILE at this moment into the new file COPY, which
only its owner may read. The server may go on writing meanwhile, and does not wait.
There is no COPY until it is complete and on the disk; one that is there already
is not overwritten. To go on with it, end the server, remove the files beside FILE
that end in -wal and -shm, and put COPY in the place of FILE.`

// newHistoryBackup returns the command that copies a history.
func newHistoryBackup(p Process) *cobra.Command {
	return newHistoryCommand(p, &cobra.Command{
		Use:     "backup [flags] FILE COPY",
		Short:   "Copies a history, also while the server runs.",
		Long:    backupAbout,
		Example: backupExamples,

		DisableFlagsInUseLine: true,
	}, historyOptions{flags: func(*pflag.FlagSet) {}}, func(ctx context.Context, args []string) error {
		return backup(ctx, args[0], args[1], p)
	})
}

func backup(ctx context.Context, path, to string, p Process) error {
	bar := newBar(p)
	err := history.Backup(ctx, path, to, func(done, all int64) {
		part := float64(done) / float64(max(all, 1))
		bar.show(barLine("copying", part, fmt.Sprintf("%s of %s", humanize.Bytes(uint64(done)), humanize.Bytes(uint64(all)))))
	})
	bar.remove()
	if err != nil {
		return err
	}
	about, err := os.Stat(to)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(&checkedOutput{w: p.Stdout}, "%s written to %s\n", humanize.Bytes(uint64(about.Size())), to)
	return err
}

const checkExamples = `  sop-chat history check chat.db
      says whether the file is whole, also while the server runs`

const checkAbout = `
Looks at all of the file: whether SQLite finds it intact, and whether the numbers of
its messages fit. The exit status is 1 if something is wrong. Numbers that are
missing between others are shown, and are no fault: their messages were removed, or
could not be written because the disk was full.`

// newHistoryCheck returns the command that checks a history.
func newHistoryCheck(p Process) *cobra.Command {
	return newHistoryCommand(p, &cobra.Command{
		Use:     "check [flags] FILE",
		Short:   "Says whether a history is whole.",
		Long:    checkAbout,
		Example: checkExamples,

		DisableFlagsInUseLine: true,
	}, historyOptions{flags: func(*pflag.FlagSet) {}}, func(ctx context.Context, args []string) error {
		return checkFile(ctx, args[0], p)
	})
}

func checkFile(ctx context.Context, path string, p Process) error {
	c, err := history.Check(ctx, path)
	if err != nil {
		return err
	}
	out := &checkedOutput{w: p.Stdout}
	form := fmt.Sprintf("form %d", c.Form)
	if c.Form < c.Latest {
		form += fmt.Sprintf(", which the next server brings to %d", c.Latest)
	}
	fmt.Fprintln(out, form)
	for _, r := range c.Rooms {
		showRoomCheckup(out, &r)
	}
	for _, fault := range c.Faults {
		fmt.Fprintf(out, "fault: %s\n", fault)
	}
	if len(c.Faults) > 0 {
		return errors.New("the history is not whole; go on with a backup that is")
	}
	fmt.Fprintln(out, "nothing is wrong")
	return out.failed
}

// showRoomCheckup writes what was found of a room.
func showRoomCheckup(out *checkedOutput, r *history.RoomCheckup) {
	if r.Messages == 0 {
		fmt.Fprintf(out, "room %q: no messages\n", r.Name)
		return
	}
	fmt.Fprintf(out, "room %q: %s, numbers %d to %d\n", r.Name, count(r.Messages, "message"), r.First, r.Last)
	for _, gap := range r.Gaps {
		fmt.Fprintf(out, "  missing: %d to %d\n", gap.First, gap.Last)
		r.Missing -= gap.Last + 1 - gap.First
	}
	if r.Missing > 0 {
		fmt.Fprintf(out, "  missing: %s more\n", humanize.Comma(r.Missing))
	}
}
