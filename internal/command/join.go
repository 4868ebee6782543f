package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
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
	page     string // the address of the server's page, if that was given
	name     string
	tls      bool
	trust    trustOptions
	identity identityOptions
	plain    bool
	json     bool
	stay     bool
}

// A joinFunc runs the client.
type joinFunc func(ctx context.Context, o joinOptions, p Process) error

const joinExamples = `  sop-chat join localhost:9000
      asks for the key and shows the room; /help there explains the rest

  uptime | sop-chat join --name cron --key-file key.txt chat.example.org:9000
      sends one message and leaves

  sop-chat join --key-file key.txt chat.example.org:9000 | grep deploy
      shows the messages with one word

  sop-chat join https://chat.example.org
      joins through the server's page, and misses nothing when it reconnects`

const joinAbout = `
HOST:PORT is the server. The room's key is given in a file (--key-file) or in
the variable SOP_CHAT_KEY. Otherwise the client asks for it, without echo.

URL is the server's page (--web), such as http://localhost:8080 or
https://chat.example.org, or the link that invites to it, whose key is used if no
other is given (in quotes, and where nobody else sees your command lines). Through
the page the client knows when each message was sent and by whom, and after a
reconnect it shows what was said meanwhile, once.

On a terminal the client fills the screen. When the connection breaks, it joins
again by itself, and sends what was typed meanwhile.

Elsewhere, or with --plain, each line of standard input is sent as a message,
and each message is printed as a line "name: text", with control characters
escaped. When the input ends, the client leaves as soon as the server has taken
everything, with status 0. If the connection ends before, the status is 1. When
nobody reads the output any more, as with '| head', the client leaves too.

With --stay, for services, the client goes on until a signal ends it. The end of
the input does not, nor that of the connection, nor that there is no server,
network or address at the start, nor a refusal because the room is full or the
name is taken: it tries to join again, at least every 30 s, says so on standard
error, and sends then what was not acknowledged. It ends by itself with status 1
if the key is wrong, if something else than a sop-chat server answers at first,
or one whose certificate is not valid, and if the input has a zero byte; and with
status 0 when nobody reads the output. Over TCP, though, one refusal can't be
told from another: there the client says what it may be, and keeps trying.

Ctrl+C ends the client with status 130 (in the full screen, where it is a key
like others, with 0).`

// newJoin returns the command that joins a room. It calls run.
func newJoin(p Process, run joinFunc) *cobra.Command {
	var o joinOptions
	return newCommand(p, &cobra.Command{
		Use:               "join [flags] HOST:PORT|URL",
		Short:             "Joins a room, in a full screen or line by line.",
		Long:              joinAbout,
		Example:           joinExamples,
		ValidArgsFunction: completeBeginning("localhost:", "http://", "https://"),
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
}

func (o *joinOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.name, "name", "NAME", "", anyText,
		`The name to join with, at most 64 bytes. Without it, your login name.`)
	o.defineKeyFile(flags)
	define(flags, &o.tls, "tls", "", "false", truth,
		`Uses TLS, with a server or proxy whose certificate is valid for HOST.`)
	o.trust.defineFlags(flags)
	o.identity.defineFlags(flags)
	define(flags, &o.plain, "plain", "", "false", truth,
		`Reads and prints lines even on a terminal.`)
	define(flags, &o.json, "json", "", "false", truth,
		`Prints a JSON object for each message, with time, name and text. Implies --plain.`)
	define(flags, &o.stay, "stay", "", "false", truth,
		`Stays in the room, for services: joins again whenever the connection ends, and goes on when the input has ended. Implies --plain.`)
}

// readArguments takes HOST:PORT, or the address of a page, and the key.
func (o *joinOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	invited := ""
	if len(args) == 1 && strings.Contains(args[0], "://") {
		var err error
		if args[0], invited, err = o.readPage(args[0]); err != nil {
			return err
		}
	}
	if err := o.roomOptions.readArguments(cmd, args, p); err != nil {
		return err
	}
	if o.keyless && invited != "" {
		o.key, o.keyless = invited, false
		if err := checkKey(o.key, true); err != nil {
			return err
		}
	}
	if err := o.trust.read(); err != nil {
		return err
	}
	if err := o.identity.read(); err != nil {
		return err
	}
	o.tls = o.tls || o.trust.areSet() || o.identity.areSet()
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

// readPage reads the address of a page. It returns its HOST:PORT, and the key if the
// address is a link with one.
func (o *joinOptions) readPage(link string) (address, key string, err error) {
	page, key, err := client.ParseLink(link)
	if err != nil {
		return "", "", usageError(err.Error())
	}
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		shown, _, _ := strings.Cut(link, "#") // the rest may be the key
		return "", "", usagef("%q is neither HOST:PORT nor the address of a page, such as http://localhost:8080", shown)
	}
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	if u.Scheme == "http" && (o.tls || o.trust.areSet() || o.identity.areSet()) {
		return "", "", usagef("%q is not reached over TLS; leave out %s, or use https://", page, o.flagsOfTLS())
	}
	o.page = strings.TrimRight(page, "/")
	return net.JoinHostPort(u.Hostname(), port), key, nil
}

// place returns the address of the room as it is shown.
func (o *joinOptions) place() string {
	if o.page != "" {
		return o.page
	}
	return o.address()
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
	plain := terminal.PlainOptions{JSON: o.json, In: p.Stdin, Out: p.Stdout}
	var err error
	switch {
	case o.stay:
		err = terminal.Stay(ctx, terminal.StayOptions{
			PlainOptions: plain, Dial: o.dial, Ends: isPermanent, Name: o.name, Room: o.place(), Notices: p.Stderr,
		})
	case o.plain || !canFillScreen(p):
		var c *client.Client
		if c, err = o.dial(ctx); err == nil {
			err = terminal.Plain(ctx, c, plain)
		}
	default:
		err = o.fillScreen(ctx, p)
	}
	unsent, isUnsent := errors.AsType[*terminal.UnsentError](err)
	switch {
	case isUnsent && ctx.Err() != nil:
		// The status reports the signal, and this the messages that were not sent.
		unsent.Err = nil
		fmt.Fprintf(p.Stderr, "sop-chat: %v\n", unsent)
		return context.Cause(ctx)
	case isUnsent:
		unsent.Err = o.explain(unsent.Err)
		return unsent
	}
	return o.explain(err)
}

// fillScreen runs the full-screen client.
func (o *joinOptions) fillScreen(ctx context.Context, p Process) error {
	c, err := o.dial(ctx, client.WithOwn())
	if err != nil {
		return err
	}
	err = terminal.Run(ctx, c, terminal.Options{
		Dial: o.dial, Name: o.name, Room: o.place(),
		In: p.Stdin, Out: p.Stdout, Environment: terminalEnvironment(p),
	})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// isPermanent reports whether trying to join again would not help: the key is known to
// be wrong, or something else answers at the address, which is then the wrong one. If
// the client has been in the room, the address is right.
func isPermanent(err error, joined bool) bool {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		return refused.Reason == client.WrongKey
	}
	if joined {
		return false
	}
	if handshake, ok := errors.AsType[*client.HandshakeError](err); ok {
		return handshake.Status/100 == 3 || handshake.Status/100 == 4 // 5xx is a proxy without a server
	}
	_, notAChat := errors.AsType[*client.NotAChatError](err)
	return notAChat || isAboutTLS(err)
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
func (o *joinOptions) dial(ctx context.Context, options ...client.Option) (*client.Client, error) {
	slow := fmt.Errorf("%s does not answer; is the address right?", o.place())
	limited, cancel := context.WithTimeoutCause(ctx, joinTimeout, slow)
	defer cancel()
	if o.tls {
		config := o.trust.config(o.host)
		config.Certificates = o.identity.certificates
		options = append(options, client.WithTLS(config))
	}
	c, err := client.Dial(limited, o.place(), o.name, o.key, options...)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	return nil, o.explain(err)
}
