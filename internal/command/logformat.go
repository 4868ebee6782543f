package command

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The formats of what the server writes to standard error.
const (
	textLog    = "text"
	jsonLog    = "json"    // one object in each line
	journalLog = "journal" // lines for systemd's journal, which knows the time
)

var logFormats = []string{textLog, jsonLog, journalLog}

// newLogHandler returns a handler that writes records of a level and above in a format.
func newLogHandler(format string, out io.Writer, least slog.Leveler) slog.Handler {
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: showNames}
	switch format {
	case jsonLog:
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr { return showNames(groups, inWords(a)) }
		return slog.NewJSONHandler(out, options)
	case journalLog:
		return newJournalHandler(out, options)
	}
	return slog.NewTextHandler(out, options)
}

// inWords has the value of an attribute be as in the other formats if JSON has nothing but a
// number for it, such as a duration or a signal.
func inWords(a slog.Attr) slog.Attr {
	value := a.Value.Any()
	if _, isJSON := value.(json.Marshaler); isJSON {
		return a
	}
	if _, isText := value.(encoding.TextMarshaler); isText {
		return a
	}
	if s, ok := value.(fmt.Stringer); ok {
		a.Value = slog.StringValue(s.String())
	}
	return a
}

// useFormat has all that a server writes to standard error be records of a log in its
// format, unless that is text.
func (o *serveOptions) useFormat(p *Process, logger *slog.Logger) {
	p.warnings = p.Stderr
	if o.logFormat == textLog {
		return
	}
	if s, ok := p.Stderr.(*spool); ok {
		s.describeGaps(func(text string) []byte { return recordLine(o.logFormat, slog.LevelWarn, text) })
	}
	p.Stderr = lineLogger{logger, slog.LevelInfo}
	p.warnings = lineLogger{logger, slog.LevelWarn}
	p.errIsTerminal = false // what is for people alone is left out
}

// recordLine returns a line of a log.
func recordLine(format string, level slog.Level, message string) []byte {
	var line bytes.Buffer
	slog.New(newLogHandler(format, &line, level)).Log(context.Background(), level, message)
	return line.Bytes()
}

// A lineLogger writes lines for people to a log, each as a record.
type lineLogger struct {
	logger *slog.Logger
	level  slog.Level
}

// linePrefix begins the lines for people.
const linePrefix = "sop-chat: "

// Write takes whole lines. It never fails.
func (l lineLogger) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		l.logger.Log(context.Background(), l.level, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), linePrefix))
	}
	return len(lines), nil
}

// logFormatOf returns the format of what a command writes to standard error, also if it did
// not get so far as to read its options.
func logFormatOf(cmd *cobra.Command, p Process) string {
	flag := cmd.Flags().Lookup("log-format")
	if flag == nil {
		return textLog
	}
	if format, _ := p.LookupEnv(variable(flag.Name)); !flag.Changed && slices.Contains(logFormats, format) {
		return format
	}
	return flag.Value.String()
}

// reportFailure writes to standard error why a command failed, and what else there is to
// say.
func reportFailure(cmd *cobra.Command, p Process, err error, more string) {
	format := logFormatOf(cmd, p)
	if format == textLog {
		io.WriteString(p.Stderr, linePrefix+err.Error()+"\n")
		if more != "" {
			io.WriteString(p.Stderr, more+"\n")
		}
		return
	}
	text := err.Error()
	if more != "" {
		text += ". " + more
	}
	p.Stderr.Write(recordLine(format, slog.LevelError, text))
}
