package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/roff"
)

const manExamples = `  sop-chat man ~/.local/share/man/man1
      writes the pages to where man finds them: man sop-chat, man sop-chat-join

  sop-chat man /tmp/pages && man -l /tmp/pages/sop-chat.1
      writes them into a folder, and shows one`

const manAbout = `
DIR is made if it does not exist. Each command has a page, with what its --help says.
The packages for Debian and Fedora have the pages.`

// newMan returns the command that writes the manual pages.
func newMan(p Process) *cobra.Command {
	var o manOptions
	cmd := &cobra.Command{
		Use:     "man DIR",
		Short:   "Writes the manual pages into a folder.",
		Long:    manAbout,
		Example: manExamples,

		DisableFlagsInUseLine: true,
	}
	return newCommand(p, cmd, &o, func(context.Context) error {
		if err := os.MkdirAll(o.folder, 0o755); err != nil {
			return fmt.Errorf("the folder can't be made: %w", err)
		}
		return writeManPages(cmd.Root(), o.folder, p)
	})
}

// manOptions are the options of the command man.
type manOptions struct{ folder string }

func (*manOptions) defineFlags(*pflag.FlagSet) {}

func (o *manOptions) readArguments(_ *cobra.Command, args []string, _ Process) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return usagef("DIR is missing")
	case len(args) > 1:
		return usagef("%q is one argument too many", args[1])
	}
	o.folder = args[0]
	return nil
}

// writeManPages writes the pages of a command and of those below it.
func writeManPages(cmd *cobra.Command, folder string, p Process) error {
	file := filepath.Join(folder, manName(cmd)+".1")
	if err := os.WriteFile(file, manPage(cmd, p), 0o644); err != nil {
		return fmt.Errorf("the page can't be written: %w", err)
	}
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if err := writeManPages(sub, folder, p); err != nil {
			return err
		}
	}
	return nil
}

// manName returns the name of a command's page.
func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns the page of a command.
func manPage(cmd *cobra.Command, p Process) []byte {
	build := p.Build.recorded()
	page := roff.NewPage(manName(cmd), 1, manDate(build, p), "sop-chat "+build.Version, "sop-chat manual")
	page.Name(manName(cmd), uncapitalised(firstSentence(cmd.Short)))
	page.Section("SYNOPSIS")
	page.Paragraph(synopsis(cmd))
	page.Section("DESCRIPTION")
	for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
		page.Paragraph(emphasised(paragraph))
	}
	manCommands(page, cmd)
	page.Section("OPTIONS")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			page.Item(manFlag(f), emphasised(f.Usage+" "+flagFacts(f)))
		}
	})
	manEnvironment(page, cmd)
	manStatuses(page, cmd)
	page.Section("EXAMPLES")
	for example := range strings.SplitSeq(cmd.Example, "\n\n") {
		command, about, _ := strings.Cut(example, "\n")
		page.Item(roff.Bold(strings.TrimSpace(command)), emphasised(about))
	}
	page.Section("SEE ALSO")
	page.Paragraph(manRelated(cmd))
	return page.Bytes()
}

// manDate returns the date of the source, so that the page is the same whenever it is
// made.
func manDate(build Build, p Process) string {
	epoch, _ := p.LookupEnv("SOURCE_DATE_EPOCH") // see reproducible-builds.org
	if seconds, err := strconv.ParseInt(epoch, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	}
	return build.day()
}

// uncapitalised returns a sentence as the end of another.
func uncapitalised(sentence string) string { return strings.ToLower(sentence[:1]) + sentence[1:] }

// synopsis returns how a command is called.
func synopsis(cmd *cobra.Command) roff.Text {
	text := roff.Bold(cmd.CommandPath())
	for word := range strings.FieldsSeq(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())) {
		switch inner, optional := strings.CutPrefix(word, "["); {
		case word == "[flags]":
			text += " [" + roff.Italic("OPTION") + "]..."
		case optional:
			text += " [" + roff.Italic(strings.TrimSuffix(inner, "]")) + "]"
		default:
			text += " " + roff.Italic(word)
		}
	}
	return text
}

// flagsAndVariables matches what stands out in a text.
var flagsAndVariables = regexp.MustCompile(`--[a-z]+(-[a-z]+)*|SOP_CHAT_[A-Z_]*[A-Z]`)

// emphasised returns a text with flags and variables in bold.
func emphasised(text string) (result roff.Text) {
	end := 0
	for _, at := range flagsAndVariables.FindAllStringIndex(text, -1) {
		result += roff.Plain(text[end:at[0]]) + roff.Bold(text[at[0]:at[1]])
		end = at[1]
	}
	return result + roff.Plain(text[end:])
}

// manFlag returns a flag with its value.
func manFlag(f *pflag.Flag) roff.Text {
	text := roff.Bold("--" + f.Name)
	if f.Shorthand != "" {
		text = roff.Bold("-"+f.Shorthand) + ", " + text
	}
	if kind := f.Value.Type(); !onlyShows(f) && kind != "" {
		text += " " + roff.Italic(kind)
	}
	return text
}

func manCommands(page *roff.Page, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	page.Section("COMMANDS")
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			page.Item(roff.Bold(sub.CommandPath()), emphasised(sub.Short+" See ")+manReference(sub)+".")
		}
	}
}

// manEnvironment writes what variables do, if a command has some.
func manEnvironment(page *roff.Page, cmd *cobra.Command) {
	some := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { some = some || hasVariable(f) })
	if !some {
		return
	}
	page.Section("ENVIRONMENT")
	page.Paragraph(emphasised("Each option can be set by the variable that is named with it. " +
		"The command line wins; an empty variable counts as not set."))
	if !cmd.HasParent() {
		page.Item(roff.Bold(portVariable), "PORT, if there is no argument.")
	}
	if file := cmd.LocalFlags().Lookup("key-file"); file != nil && hasVariable(file) {
		page.Item(roff.Bold(keyVariable), emphasised("The key, if it is given neither as an argument nor by --key-file."))
	}
}

// manStatuses writes which exit statuses a command has.
func manStatuses(page *roff.Page, cmd *cobra.Command) {
	page.Section("EXIT STATUS")
	if cmd.HasParent() {
		page.Item("0", "Everything was done.")
		page.Item("1", "Something failed at run time, or was not done when a signal came.")
	} else {
		page.Item("0", "A signal, or the end of its terminal, has ended the server in order.")
		page.Item("1", "Something failed at run time.")
	}
	page.Item("2", "The arguments, options or variables are wrong.")
	if mayBeInterrupted(cmd) {
		page.Item(roff.Plain("128+N"), "Signal N came; with Ctrl+C it is 130.")
	}
}

// mayBeInterrupted reports whether a command ends with the status of a signal.
func mayBeInterrupted(cmd *cobra.Command) bool {
	switch strings.TrimPrefix(cmd.CommandPath(), "sop-chat ") {
	case "join", "key hash", "key check":
		return true
	}
	return false
}

// manRelated returns the pages of the commands above, below and beside a command.
func manRelated(cmd *cobra.Command) roff.Text {
	var all []roff.Text
	cmd.VisitParents(func(parent *cobra.Command) { all = append(all, manReference(parent)) })
	near := cmd.Commands()
	if len(near) == 0 && cmd.HasParent() && cmd.Parent().HasParent() {
		near = cmd.Parent().Commands()
	}
	for _, other := range near {
		if other.IsAvailableCommand() && other != cmd {
			all = append(all, manReference(other))
		}
	}
	text := all[0]
	for _, reference := range all[1:] {
		text += ", " + reference
	}
	return text
}

func manReference(cmd *cobra.Command) roff.Text { return roff.Bold(manName(cmd)) + "(1)" }
