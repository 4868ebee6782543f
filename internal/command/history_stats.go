package command

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"sop-chat/internal/console"
	"sop-chat/internal/english"
	"sop-chat/internal/history"
)

const statsExamples = `  sop-chat history stats chat.db --since 7d
      shows who wrote how much in the last week, and when`

const statsAbout = `
Counts messages for each person, by the name they joined with, and for each hour
of the day, in local time; and for each room, if there are several.`

// newHistoryStats returns the command that counts messages.
func newHistoryStats(p Process) *cobra.Command {
	var f history.Filter
	defineFlags := func(flags *pflag.FlagSet) {
		defineRoom(flags, &f.Room)
		define(flags, &f.Since, "since", "TIME", "", pastOrNone,
			`Only messages from then on: an age, such as 30m, 2h or 7d, or a date, such as 2026-11-24.`)
	}
	return newHistoryCommand(p, &cobra.Command{
		Use:     "stats [flags] FILE",
		Short:   "Shows who writes how much, and when.",
		Long:    statsAbout,
		Example: statsExamples,
	}, historyOptions{flags: defineFlags}, func(ctx context.Context, args []string) error {
		return read(ctx, args[0], f.Room, func(r *history.Reader) error {
			s, err := r.Stats(ctx, f)
			if err != nil {
				return err
			}
			return showStats(s, p, width(p))
		})
	})
}

// width returns the number of columns of standard output.
func width(p Process) int {
	const standard, least = 80, 40
	if file, ok := p.Stdout.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return max(columns, least)
		}
	}
	return standard
}

const (
	maxPeople     = 20 // and rooms
	maxNameLength = 20
)

// A barRow is one line of a bar chart.
type barRow struct {
	name  string
	count int
}

func showStats(s *history.Stats, p Process, width int) error {
	out := bufio.NewWriter(&checkedOutput{w: p.Stdout})
	if s.Messages == 0 {
		fmt.Fprintln(out, "no messages")
		return out.Flush()
	}
	fmt.Fprintf(out, "%s by %s, %s to %s\n\n", count(s.Messages, "message"), count(len(s.People), "person"),
		s.First.Format("2006-01-02 15:04"), s.Last.Format("2006-01-02 15:04"))
	showBars(out, peopleRows(s.People), width)
	fmt.Fprint(out, "\nby the hour of the day:\n\n")
	hours := make([]barRow, len(s.Hours))
	for hour, n := range s.Hours {
		hours[hour] = barRow{fmt.Sprintf("%02d", hour), n}
	}
	showBars(out, hours, width)
	if len(s.Rooms) > 0 {
		fmt.Fprint(out, "\nby the room:\n\n")
		showBars(out, roomRows(s.Rooms), width)
	}
	return out.Flush()
}

// peopleRows returns a row for each of the first people, and one for all others.
func peopleRows(people []history.PersonCount) []barRow {
	rows := make([]barRow, len(people))
	for i, person := range people {
		rows[i] = barRow{person.Name, person.Messages}
	}
	return firstRows(rows)
}

// roomRows is peopleRows for rooms.
func roomRows(rooms []history.RoomCount) []barRow {
	rows := make([]barRow, len(rooms))
	for i, room := range rooms {
		rows[i] = barRow{room.Name, room.Messages}
	}
	return firstRows(rows)
}

// firstRows returns the first rows, with their names as they are shown, and one for all
// others.
func firstRows(all []barRow) []barRow {
	rows := slices.Clone(all[:min(len(all), maxPeople)])
	for i := range rows {
		name := string(console.AppendName(nil, []byte(rows[i].name)))
		if utf8.RuneCountInString(name) > maxNameLength {
			name = string([]rune(name)[:maxNameLength-1]) + "…"
		}
		rows[i].name = name
	}
	if rest := all[len(rows):]; len(rest) > 0 {
		others := barRow{name: "* " + english.Count(len(rest), "other")}
		for _, row := range rest {
			others.count += row.count
		}
		rows = append(rows, others)
	}
	return rows
}

// showBars draws rows so that the longest bar fits the width.
func showBars(out *bufio.Writer, rows []barRow, width int) {
	longest, most := 0, 0
	for _, row := range rows {
		longest, most = max(longest, utf8.RuneCountInString(row.name)), max(most, row.count)
	}
	numbers := len(humanize.Comma(int64(most)))
	space := max(width-longest-numbers-4, 1)
	for _, row := range rows {
		padding := strings.Repeat(" ", longest-utf8.RuneCountInString(row.name))
		line := fmt.Sprintf("  %s%s %*s", row.name, padding, numbers, humanize.Comma(int64(row.count)))
		if row.count > 0 {
			line += " " + drawBar(row.count, most, space)
		}
		fmt.Fprintln(out, line)
	}
}

// drawBar returns the bar of n, to an eighth of a column. The bar of most has the
// given columns; any other has at least an eighth.
func drawBar(n, most, columns int) string {
	const eighths = " ▏▎▍▌▋▊▉"
	length := max(n*columns*8/most, 1)
	bar := strings.Repeat("█", length/8)
	if rest := length % 8; rest > 0 {
		bar += string([]rune(eighths)[rest])
	}
	return bar
}
