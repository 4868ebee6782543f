package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/english"
	"sop-chat/internal/keys"
)

const keyExamples = `  sop-chat key new alice >> people.txt
      adds a line for a new key to a file, and shows the key

  sop-chat --keys people.txt 9000
      runs a room for everyone with a key in that file

  sop-chat key check people.txt
      says what is wrong with the file, and which hashes are weak`

const keyAbout = `
A file of keys has a line for each person or device, LABEL ROOM HASH, with blanks
between them. Empty lines, and those that begin with '#', are left out. LABEL says
whose key it is: 32 letters, digits and -_.@+ at most. ROOM is the name of the room
that the key opens; the only one, and that of KEY, is called main. HASH is made of
the key's secret by argon2id, so the file tells nobody a key.

The key itself is LABEL:SECRET. It is given like the key of a room, by any client.
A line that is removed disconnects the clients that came with its key. The server
reads the file again when it changes.`

// newKey returns the commands for the keys of persons.
func newKey(p Process) *cobra.Command {
	cmd := newGroup(&cobra.Command{
		Use:     "key COMMAND",
		Short:   "Makes and checks keys of single persons, for --keys.",
		Long:    keyAbout,
		Example: keyExamples,
	}, newKeyNew(p), newKeyHash(p), newKeyCheck(p))
	otherwise := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			if _, isPort := parsePort(args[0]); isPort { // "key" is to be KEY
				return usagef("PORT comes before KEY: sop-chat %s key", args[0])
			}
		}
		return otherwise(cmd, args)
	}
	return cmd
}

const keyNewExamples = `  sop-chat key new alice >> people.txt
      adds a line for a new key to a file, and shows the key

  sop-chat key new bob-phone "class 3a" >> people.txt
      adds one for a key that opens the room "class 3a"`

const keyNewAbout = `
Only the line is written to standard output. The key is written to standard error,
and nowhere else: give it to the person, over a way that nobody else reads. ROOM is
main if it is left out.`

// newKeyNew returns the command that makes a random key.
func newKeyNew(p Process) *cobra.Command {
	var o keyLineOptions
	return newCommand(p, &cobra.Command{
		Use:     "new LABEL [ROOM]",
		Short:   "Makes a random key, and its line for the file.",
		Long:    keyNewAbout,
		Example: keyNewExamples,

		DisableFlagsInUseLine: true,
	}, &o, func(context.Context) error {
		secret := keys.NewSecret()
		line, err := o.line(secret)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("the key to give to %s, which is shown only now: %s", o.label, keys.Join(o.label, secret))
		return writeLine(p, line, note)
	})
}

// writeLine writes the line of a key to standard output, and notes to standard error; on
// a terminal both in their order, and with what the line is.
func writeLine(p Process, line keys.Line, notes ...string) error {
	var out, aside io.Writer = &checkedOutput{w: p.Stdout}, p.Stderr
	if isTerminal(p.Stdout) {
		aside = out
		notes = append(notes, "the line for the file of keys:")
	}
	for _, note := range notes {
		fmt.Fprintf(aside, "sop-chat: %s\n", note)
	}
	_, err := fmt.Fprintln(out, line)
	return err
}

// keyLineOptions say of what a line is made, but for the secret.
type keyLineOptions struct{ label, room string }

func (*keyLineOptions) defineFlags(*pflag.FlagSet) {}

func (o *keyLineOptions) readArguments(_ *cobra.Command, args []string, _ Process) error {
	switch {
	case len(args) == 0:
		return usagef("LABEL is missing: it says whose key it is, such as alice or alice-phone")
	case len(args) > 2:
		return usagef("there are %d arguments, not LABEL and ROOM; a ROOM with blanks needs quotes around it", len(args))
	}
	o.label, o.room = args[0], keys.OnlyRoom
	if len(args) == 2 {
		o.room = args[1]
	}
	if err := keys.CheckLabel(o.label); err != nil {
		return usageError(err.Error())
	}
	return nil
}

// line returns the line of a secret, which can be read again.
func (o *keyLineOptions) line(secret string) (keys.Line, error) {
	if err := keys.CheckSecret(o.label, secret); err != nil {
		return keys.Line{}, err
	}
	hash, err := keys.Hash(secret)
	if err != nil {
		return keys.Line{}, fmt.Errorf("the hash can't be made: %w", err)
	}
	line := keys.Line{Label: o.label, Room: o.room, Hash: hash}
	if _, err := keys.Parse("ROOM", []byte(line.String())); err != nil {
		return line, usageError(err.Error())
	}
	return line, nil
}

const keyHashExamples = `  sop-chat key hash alice >> people.txt
      asks for a secret, and adds a line for it to a file

  pwgen 20 1 | sop-chat key hash alice >> people.txt
      takes one from another program`

const keyHashAbout = `
The secret is asked for on the terminal, twice and without being shown, or read from
standard input if that is none. The key is then LABEL:SECRET. ROOM is main if it is
left out. 'sop-chat key new' makes a random secret, which is better than a chosen
one.`

// newKeyHash returns the command that makes a line for a secret.
func newKeyHash(p Process) *cobra.Command {
	var o keyLineOptions
	return newCommand(p, &cobra.Command{
		Use:     "hash LABEL [ROOM]",
		Short:   "Makes the line for a key with a given secret.",
		Long:    keyHashAbout,
		Example: keyHashExamples,

		DisableFlagsInUseLine: true,
	}, &o, func(ctx context.Context) error {
		secret, err := readSecret(ctx, p, o.label)
		if err != nil {
			return err
		}
		line, err := o.line(secret)
		if err != nil {
			return err
		}
		if why := weakness(secret); why != "" {
			return writeLine(p, line, fmt.Sprintf("the secret is weak (%s) and soon guessed; 'sop-chat key new' makes a random one", why))
		}
		return writeLine(p, line)
	})
}

// readSecret reads the secret of a label's key. What is given may be the whole key.
func readSecret(ctx context.Context, p Process, label string) (secret string, err error) {
	if isTerminal(p.Stdin) {
		secret, err = askTwice(ctx, p, "Secret of "+label)
	} else {
		secret, err = readKeyFile("-", p.Stdin)
	}
	return strings.TrimPrefix(secret, keys.Join(label, "")), err
}

// askTwice asks for something on the terminal, without showing it.
func askTwice(ctx context.Context, p Process, what string) (string, error) {
	first, err := askSilently(ctx, p, what)
	if err != nil {
		return "", err
	}
	second, err := askSilently(ctx, p, what+", again")
	if err == nil && first != second {
		err = errors.New("the two differ; try again")
	}
	return first, err
}

// askSilently asks for something on the terminal, without showing it. A signal restores the
// terminal.
func askSilently(ctx context.Context, p Process, what string) (string, error) {
	ctx, done := untilSignal(ctx, p, slog.New(slog.DiscardHandler), endSignals()...)
	defer done()
	fmt.Fprintf(p.Stderr, "%s: ", what)
	defer fmt.Fprintln(p.Stderr)
	return readSilently(ctx, p.Stdin.(*os.File))
}

const keyCheckExamples = `  sop-chat key check people.txt
      says what is wrong with the file, and which hashes are weak

  sop-chat key check --key-file key.txt people.txt
      says whose key it is that is in the other file`

const keyCheckAbout = `
Each error is said with its line. Whether there are the rooms that the file names,
only the server knows. The exit status is 1 if there is an error, or if the key is
nobody's.`

// keyCheckOptions are the options of the command that checks a file.
type keyCheckOptions struct{ file, keyFile string }

func (o *keyCheckOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.keyFile, "key-file", "FILE", "", anyText,
		`Says whose key it is that is in a file ('-' is standard input). One line break at its end is not part of it.`)
	flags.SetAnnotation("key-file", withoutVariable, nil)
}

func (o *keyCheckOptions) readArguments(_ *cobra.Command, args []string, _ Process) error {
	switch {
	case len(args) == 0:
		return usagef("FILE is missing")
	case len(args) > 1:
		return usagef("%q is one argument too many", args[1])
	}
	o.file = args[0]
	return nil
}

// newKeyCheck returns the command that checks a file of keys.
func newKeyCheck(p Process) *cobra.Command {
	var o keyCheckOptions
	return newCommand(p, &cobra.Command{
		Use:     "check [flags] FILE",
		Short:   "Checks a file of keys, and says whose a key is.",
		Long:    keyCheckAbout,
		Example: keyCheckExamples,
	}, &o, func(ctx context.Context) error { return o.run(ctx, p) })
}

func (o *keyCheckOptions) run(ctx context.Context, p Process) error {
	content, version, err := keys.ReadFile(o.file)
	if err != nil {
		return err
	}
	lines, err := keys.Parse(o.file, content)
	if wrong, ok := errors.AsType[keys.Errors](err); ok {
		last := len(wrong) - 1
		for _, err := range wrong[:last] {
			fmt.Fprintf(p.Stderr, "sop-chat: %v\n", err)
		}
		return wrong[last]
	}
	if version.OthersRead() {
		fmt.Fprintf(p.Stderr, "sop-chat: every user of this machine can read %s; chmod o-r helps\n", o.file)
	}
	for _, line := range lines {
		if advice := keys.Advice(line.Hash); advice != "" {
			fmt.Fprintf(p.Stderr, "sop-chat: %s: %s\n", line.Label, advice)
		}
	}
	out := &checkedOutput{w: p.Stdout}
	if _, err := fmt.Fprintf(out, "%s has %s without an error\n", o.file, english.Count(len(lines), "key")); err != nil || o.keyFile == "" {
		return err
	}
	return o.match(ctx, p, out, lines)
}

// match says whose a key is.
func (o *keyCheckOptions) match(ctx context.Context, p Process, out io.Writer, lines []keys.Line) (err error) {
	var key string
	if o.keyFile == "-" && isTerminal(p.Stdin) {
		key, err = askSilently(ctx, p, "Key")
	} else {
		key, err = readKeyFile(o.keyFile, p.Stdin)
	}
	if err != nil {
		return err
	}
	line, found := keys.Match(lines, key)
	if !found {
		return errors.New("the key is of no line in the file")
	}
	_, err = fmt.Fprintf(out, "the key is that of %s, and opens the room %s\n", line.Label, shownRoom(line.Room))
	return err
}
