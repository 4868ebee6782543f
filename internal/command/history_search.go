package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/history"
)

const searchExamples = `  sop-chat history search chat.db lunch today
      shows messages with both words

  sop-chat history search chat.db '"see you" tomor*' --since 7d
      shows messages of the last week with the two words one after the other,
      and a word that begins with tomor

  sop-chat history search chat.db 明天 👍
      shows messages with 明天 anywhere in a sentence, and that emoji`

const searchAbout = `
QUERY is one or more words. A message is found if it has all of them, in any
order; upper and lower case, accents and other forms of the same letters make no
difference. A word of three letters or more is also found within others, but
whole words count first. Words between double quotes are whole and must follow
each other, and a word that ends in * stands for all words that begin like it.
Each character of Chinese, Japanese, Korean, Thai and other scripts without blanks
is a word, and so is an emoji; without a blank between them, they must follow each
other. Matches are marked.`

// newHistorySearch returns the command that finds messages.
func newHistorySearch(p Process) *cobra.Command {
	var f historyFilter
	defineFlags := func(flags *pflag.FlagSet) {
		define(flags, &f.last, "last", "N", "50", wholeNumber(0, 1<<31-1),
			`How many messages are shown at most, the last ones. 0 is all.`)
		f.define(flags)
	}
	return newHistoryCommand(p, &cobra.Command{
		Use:     "search [flags] FILE QUERY",
		Short:   "Shows the messages that contain some words.",
		Long:    searchAbout,
		Example: searchExamples,
	}, historyOptions{flags: defineFlags, more: true}, func(ctx context.Context, args []string) error {
		return read(ctx, args[0], f.room, func(r *history.Reader) error {
			return search(ctx, r, strings.Join(args[1:], " "), &f, p)
		})
	})
}

func search(ctx context.Context, r *history.Reader, query string, f *historyFilter, p Process) error {
	hits, err := r.Search(ctx, query, f.filter(defaultShown))
	if errors.Is(err, history.ErrNoWords) {
		return usagef("there is no word to search for in %q", query)
	}
	if err != nil {
		return err
	}
	lines := newHistoryLines(&checkedOutput{w: p.Stdout}, hasColours(p))
	lines.mayShowRooms = f.room == ""
	if err := lines.look(ctx, r); err != nil {
		return err
	}
	found := 0
	for h, err := range hits {
		if err != nil {
			return err
		}
		if err := lines.hit(h); err != nil {
			return err
		}
		found++
	}
	if found == 0 {
		fmt.Fprintf(p.Stderr, "sop-chat: nothing was found for %q\n", query)
	}
	return lines.out.Flush()
}
