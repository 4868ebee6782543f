package command

import (
	"bufio"
	"context"
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/console"
	"sop-chat/internal/history"
)

const exportExamples = `  sop-chat history export chat.db --format html > chat.html
      makes a page to read in a browser

  sop-chat history export chat.db --format json --since 7d | jq .text
      hands the messages of a week to another program`

const exportAbout = `
Writes messages to standard output. The formats are:

text: lines as list shows them.

json: an object a line. A field that is not valid UTF-8 is followed by its exact
bytes, under the same name with _base64.

csv: a table for spreadsheets, with a line of headings. Control characters are
escaped as list does it. So is a '=', '+', '-' or '@' at the beginning of a field
or after a ';' in it: a spreadsheet would take it for the beginning of a formula.

html: one page that needs no other files.

If there are several rooms, lines and the page say the room of each message. json and
csv always do, and then also have the message's number in its room: the sequence
counts the messages of all rooms.`

// newHistoryExport returns the command that writes messages for other programs.
func newHistoryExport(p Process) *cobra.Command {
	var f historyFilter
	var format string
	defineFlags := func(flags *pflag.FlagSet) {
		define(flags, &format, "format", "FORMAT", "text", oneOf("text", "json", "csv", "html"),
			`The format: text, json, csv or html.`)
		define(flags, &f.last, "last", "N", "0", wholeNumber(0, 1<<31-1),
			`How many messages are written at most, the last ones. 0 is all.`)
		f.define(flags)
	}
	return newHistoryCommand(p, &cobra.Command{
		Use:     "export [flags] FILE",
		Short:   "Writes messages as text, JSON, CSV or a page of HTML.",
		Long:    exportAbout,
		Example: exportExamples,
	}, historyOptions{flags: defineFlags}, func(ctx context.Context, args []string) error {
		return read(ctx, args[0], f.room, func(r *history.Reader) error { return export(ctx, r, f.filter(0), format, p) })
	})
}

// An exporter writes messages in one format. finish writes the end, and flushes.
type exporter interface {
	message(m *history.Message) error
	finish() error
}

func export(ctx context.Context, r *history.Reader, filter history.Filter, format string, p Process) error {
	rooms, err := r.HasRooms(ctx)
	if err != nil {
		return err
	}
	e, err := newExporter(format, bufio.NewWriterSize(&checkedOutput{w: p.Stdout}, 64<<10), filter, rooms)
	if err != nil {
		return err
	}
	bar := new(bar)
	if !isTerminal(p.Stdout) { // or the bar would be among the messages
		bar = newBar(p)
	}
	defer bar.remove()
	progress, err := newExportProgress(ctx, r, filter, bar)
	if err != nil {
		return err
	}
	for m, err := range r.Messages(ctx, filter) {
		if err != nil {
			return err
		}
		if err := e.message(m); err != nil {
			return err
		}
		progress.add()
	}
	return e.finish()
}

// newExporter returns an exporter. rooms says that the file has several.
func newExporter(format string, out *bufio.Writer, filter history.Filter, rooms bool) (exporter, error) {
	switch format {
	case "json":
		return &jsonExporter{out: out, rooms: rooms}, nil
	case "csv":
		return newCSVExporter(out, rooms)
	case "html":
		return newHTMLExporter(out, rooms && filter.Room == "")
	}
	lines := newHistoryLines(out, false)
	lines.reportMissing, lines.showRooms = filter.From == "", rooms && filter.Room == ""
	return textExporter{lines, out}, nil
}

// exportProgress shows how many messages were written.
type exportProgress struct {
	bar       *bar
	done, all int
}

func newExportProgress(ctx context.Context, r *history.Reader, filter history.Filter, b *bar) (*exportProgress, error) {
	e := &exportProgress{bar: b}
	if !b.isShown() {
		return e, nil
	}
	var err error
	e.all, err = r.Count(ctx, filter)
	return e, err
}

// add counts one more message.
func (e *exportProgress) add() {
	const often = 5000
	if e.done++; !e.bar.isShown() || e.done%often > 0 {
		return
	}
	e.bar.show(barLine("exporting", float64(e.done)/float64(max(e.all, e.done)),
		fmt.Sprintf("%s of %s", humanize.Comma(int64(e.done)), count(e.all, "message"))))
}

type textExporter struct {
	*historyLines
	to *bufio.Writer
}

func (t textExporter) finish() error {
	if err := t.out.Flush(); err != nil {
		return err
	}
	return t.to.Flush()
}

type jsonExporter struct {
	out   *bufio.Writer
	rooms bool
	line  []byte
}

// exportTime is the format of times for programs: UTC, RFC 3339, with all digits,
// so that they can be sorted as text.
const exportTime = "2006-01-02T15:04:05.000000000Z07:00"

func (j *jsonExporter) message(m *history.Message) error {
	j.line = append(j.line[:0], `{"sequence":`...)
	j.line = strconv.AppendInt(j.line, m.Sequence, 10)
	if j.rooms {
		j.line = append(j.line, `,"number":`...)
		j.line = strconv.AppendInt(j.line, m.Number, 10)
	}
	j.line = console.AppendJSON(j.line, "time", []byte(m.Time.UTC().Format(exportTime)))
	j.line = console.AppendJSON(j.line, "room", []byte(m.Room))
	j.line = console.AppendJSON(j.line, "name", m.Wire.Name())
	j.line = console.AppendJSON(j.line, "authenticated_name", []byte(m.From.Name))
	if m.From.Addr.IsValid() {
		j.line = console.AppendJSON(j.line, "address", []byte(m.From.Addr.String()))
	}
	j.line = console.AppendJSONText(j.line, m.Wire.Text())
	_, err := j.out.Write(append(j.line, "}\n"...))
	return err
}

func (j *jsonExporter) finish() error { return j.out.Flush() }
