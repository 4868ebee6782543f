package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/config"
	"sop-chat/internal/english"
)

const configCheckExamples = `  sop-chat config check sop-chat.toml
      says all that is wrong with the file

  sop-chat config check sop-chat.toml && systemctl reload sop-chat
      has a server read it again, if there is no error`

const configCheckAbout = `
FILE is that of SOP_CHAT_CONFIG if it is left out. Everything is checked that the
server checks before it opens anything, with the files that FILE names. Each error is
said with its line. The exit status is 2 if there is one.`

// configCheckOptions are the options of the command that checks a file.
type configCheckOptions struct{ file string }

func (*configCheckOptions) defineFlags(*pflag.FlagSet) {}

func (o *configCheckOptions) readArguments(_ *cobra.Command, args []string, p Process) error {
	if len(args) > 1 {
		return usagef("%q is one argument too many", args[1])
	}
	o.file, _ = p.LookupEnv(variable("config"))
	if len(args) > 0 {
		o.file = args[0]
	}
	if o.file == "" {
		return usagef("FILE is missing: give it as the argument, or in %s", variable("config"))
	}
	return nil
}

func newConfigCheck(p Process) *cobra.Command {
	var o configCheckOptions
	return newCommand(p, &cobra.Command{
		Use:     "check [FILE]",
		Short:   "Checks a configuration file.",
		Long:    configCheckAbout,
		Example: configCheckExamples,

		DisableFlagsInUseLine: true,
	}, &o, func(ctx context.Context) error { return o.run(ctx, p) })
}

func (o *configCheckOptions) run(ctx context.Context, p Process) error {
	none := func(context.Context, serveOptions, Process) error { return nil }
	file, err := config.Read(o.file, layoutOf(newServe(p, none).Flags()))
	if err != nil {
		return writeErrors(p, err)
	}
	p.LookupEnv = withArguments(p.LookupEnv, file)
	server := newServe(p, none)
	server.SilenceErrors, server.SilenceUsage = true, true
	server.SetArgs([]string{"--config", o.file})
	if err := server.ExecuteContext(ctx); err != nil {
		return writeErrors(p, err)
	}
	if words := readableKeys(file); words != "" {
		fmt.Fprintf(p.Stderr, "sop-chat: %s: %s\n", file.Name, words)
	}
	settings, rooms, keys := len(file.Values), len(file.TablesNamed(roomTable)), len(file.TablesNamed(keyTable))
	_, err = fmt.Fprintf(&checkedOutput{w: p.Stdout}, "%s has %s, %s and %s without an error\n", file.Name,
		english.Count(settings, "setting"), english.Count(rooms, "room"), english.Count(keys, "personal key"))
	return err
}

// writeErrors writes all errors but the last, which it returns.
func writeErrors(p Process, err error) error {
	wrong, several := errors.AsType[config.Errors](err)
	if !several {
		return configError{err}
	}
	last := len(wrong) - 1
	for _, err := range wrong[:last] {
		fmt.Fprintf(p.Stderr, "sop-chat: %v\n", err)
	}
	return configError{wrong[last]}
}

// withArguments returns a look-up in an environment that has what is missing in a file and
// may be on the command line: PORT and KEY.
func withArguments(lookup func(string) (string, bool), file *config.File) func(string) (string, bool) {
	has := func(name string) bool { _, has := file.Values[name]; return has }
	opens := slices.ContainsFunc([]string{keyName, "key-file", "rooms", "keys"}, has) || len(file.Tables) > 0
	return func(name string) (string, bool) {
		text, set := lookup(name)
		switch {
		case text != "":
			return text, set
		case name == portVariable && !has(portName):
			return "1", true
		case name == keyVariable && !opens:
			return rand.Text(), true
		}
		return text, set
	}
}
