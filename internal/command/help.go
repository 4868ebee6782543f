package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	helpWidth  = 79 // a line that fills a terminal of 80 may leave an empty one
	flagColumn = 21 // where the explanation of a flag begins
)

// showHelp writes a command's help: examples first, because most people need
// no more.
func showHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s\n\n", wrap(cmd.Short, "", helpWidth))
	if cmd.Example != "" {
		fmt.Fprintf(out, "Examples:\n%s\n\n", cmd.Example)
	}
	fmt.Fprintf(out, "Usage:\n  %s\n\n", cmd.UseLine())
	for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
		fmt.Fprintf(out, "%s\n\n", wrap(paragraph, "", helpWidth))
	}
	showCommands(out, cmd)
	fmt.Fprint(out, "Flags:\n")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			showFlag(out, f)
		}
	})
}

func showCommands(out io.Writer, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	what := "Commands"
	if !cmd.HasParent() { // the program itself is a command
		what = "Other commands"
	}
	fmt.Fprintf(out, "%s, each with a --help of its own:\n", what)
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(out, "  %-*s%s\n", flagColumn-2, sub.Name(), sub.Short)
		}
	}
	fmt.Fprintln(out)
}

func showFlag(out io.Writer, f *pflag.Flag) {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if !onlyShows(f) {
		name += " " + f.Value.Type()
	}
	margin := strings.Repeat(" ", flagColumn)
	text := wrap(f.Usage, margin, helpWidth)
	if begins := "  " + name; len(begins) < flagColumn {
		fmt.Fprintf(out, "%-*s%s\n", flagColumn, begins, strings.TrimPrefix(text, margin))
	} else {
		fmt.Fprintf(out, "%s\n%s\n", begins, text)
	}
	if facts := flagFacts(f); facts != "" {
		fmt.Fprintf(out, "%s%s\n", margin, facts)
	}
}

// flagFacts returns a flag's default and its variable.
func flagFacts(f *pflag.Flag) string {
	if !hasVariable(f) {
		return ""
	}
	standard := ""
	if f.DefValue != "" {
		standard = "Default: " + f.DefValue + ". "
	}
	return standard + "Variable: " + variable(f.Name) + "."
}

// wrap breaks text into lines of at most width bytes, each after a margin.
func wrap(text, margin string, width int) string {
	var lines []string
	line := margin
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == margin:
			line += word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = margin + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}
