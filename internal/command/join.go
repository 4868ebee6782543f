package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/user"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/client"
	"sop-chat/internal/terminal"
)

// joinOptions are the client's options.
type joinOptions struct {
	roomOptions
	name  string
	tls   bool
	plain bool
	json  bool
	stay  bool
}

// A joinFunc runs the client.
type joinFunc func(ctx context.Context, o joinOptions, p Process) error

const joinExamples = `  sop-chat join localhost:9000
      asks for the key and shows the room; /help there explains the rest

  uptime | sop-chat join --name cron --key-file key.txt chat.example.org:9000
      sends one message and leaves

  sop-chat join --key-file key.txt chat.example.org:9000 | grep deploy
      shows the messages with one word`

const joinAbout = `
HOST:PORT is the server. The room's key is given in a file (--key-file) or in
the variable SOP_CHAT_KEY. Otherwise the client asks for it, without echo.

On a terminal the client fills the screen. When the connection breaks, it joins
again by itself, and sends what was typed meanwhile.

Elsewhere, or with --plain, each line of standard input is sent as a message,
and each message is printed as a line "name: text", with control characters
escaped. When the input ends, the client leaves as soon as the server has taken
everything, with status 0. If the connection ends before, the status is 1. When
nobody reads the output any more, as with '| head', the client leaves too.

Ctrl+C ends the client with status 130 (in the full screen, where it is a key
like others, with 0).`

// newJoin returns the command that joins a room. It calls run.
func newJoin(p Process, run joinFunc) *cobra.Command {
	var o joinOptions
	return newCommand(p, &cobra.Command{
		Use:     "join [flags] HOST:PORT",
		Short:   "Joins a room, in a full screen or line by line.",
		Long:    joinAbout,
		Example: joinExamples,
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
}

func (o *joinOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.name, "name", "NAME", "", anyText,
		`The name to join with, at most 64 bytes. Without it, your login name.`)
	o.defineKeyFile(flags)
	define(flags, &o.tls, "tls", "", "false", truth,
		`Uses TLS, with a server or proxy whose certificate is valid for HOST.`)
	define(flags, &o.plain, "plain", "", "false", truth,
		`Reads and prints lines even on a terminal.`)
	define(flags, &o.json, "json", "", "false", truth,
		`Prints a JSON object for each message, with time, name and text. Implies --plain.`)
	define(flags, &o.stay, "stay", "", "false", truth,
		`Goes on printing when the input has ended, for services and background jobs. Implies --plain.`)
}

func (o *joinOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	if err := o.roomOptions.readArguments(cmd, args, p); err != nil {
		return err
	}
	o.name = strings.TrimSpace(o.name)
	if o.name == "" {
		o.name = loginName(p)
	}
	if len(o.name) > client.MaxName {
		return usagef("the name is %d bytes long; at most %d fit", len(o.name), client.MaxName)
	}
	o.plain = o.plain || o.json || o.stay
	return nil
}

// loginName returns the login name of the user, cut to fit a message.
func loginName(p Process) string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	for _, variable := range []string{"USER", "LOGNAME", "USERNAME"} {
		if name == "" {
			name, _ = p.LookupEnv(variable)
		}
	}
	_, short, hasDomain := strings.Cut(name, `\`) // of Windows
	if hasDomain {
		name = short
	}
	for len(name) > client.MaxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name = strings.TrimSpace(name); name == "" {
		return "guest"
	}
	return name
}

// joinTimeout is how long the server may take to admit a client.
const joinTimeout = 10 * time.Second

// runJoin joins the room and runs the terminal client.
func runJoin(ctx context.Context, o joinOptions, p Process) error {
	ctx, done := untilSignal(ctx, p, slog.New(slog.DiscardHandler), endSignals()...)
	defer done()
	if err := o.askKey(ctx, p); err != nil {
		return err
	}
	c, err := o.dial(ctx)
	if err != nil {
		return err
	}
	if screen := !o.plain && canFillScreen(p); screen {
		err = terminal.Run(ctx, c, terminal.Options{
			Dial: o.dial, Name: o.name, Room: o.address(),
			In: p.Stdin, Out: p.Stdout, Environment: terminalEnvironment(p),
		})
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	} else {
		err = terminal.Plain(ctx, c, terminal.PlainOptions{JSON: o.json, Stay: o.stay, In: p.Stdin, Out: p.Stdout})
	}
	if unsent, ok := errors.AsType[*terminal.UnsentError](err); ok && ctx.Err() != nil {
		// The status reports the signal, and this the messages that were not sent.
		unsent.Err = nil
		fmt.Fprintf(p.Stderr, "sop-chat: %v\n", unsent)
		return context.Cause(ctx)
	}
	return err
}

// canFillScreen reports whether standard input and output are a terminal that can
// be drawn on.
func canFillScreen(p Process) bool {
	return obeysSequences(p) && isTerminal(p.Stdin) && isTerminal(p.Stdout)
}

// terminalEnvironment returns the variables that describe the terminal.
func terminalEnvironment(p Process) []string {
	var environment []string
	for _, name := range []string{
		"TERM", "COLORTERM", "TERM_PROGRAM", "TMUX", "SSH_TTY", "WT_SESSION", "ConEmuANSI", "CLICOLOR", "CLICOLOR_FORCE",
	} {
		if value, set := p.LookupEnv(name); set {
			environment = append(environment, name+"="+value)
		}
	}
	if !wantsColours(p) {
		environment = append(environment, "NO_COLOR=1")
	}
	return environment
}

// dial joins the room. Its errors are for people.
func (o *joinOptions) dial(ctx context.Context) (*client.Client, error) {
	slow := fmt.Errorf("%s does not answer; is the address right?", o.address())
	limited, cancel := context.WithTimeoutCause(ctx, joinTimeout, slow)
	defer cancel()
	var options []client.Option
	if o.tls {
		options = append(options, client.WithTLS(&tls.Config{ServerName: o.host}))
	}
	c, err := client.Dial(limited, o.address(), o.name, o.key, options...)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	switch dns, isDNS := errors.AsType[*net.DNSError](err); {
	case isDNS:
		return nil, fmt.Errorf("%q can't be looked up: %s", o.host, dns.Err)
	case isRefusal(err):
		return nil, fmt.Errorf("nobody listens at %s; is the server running, and the port right?", o.address())
	}
	return nil, err
}
