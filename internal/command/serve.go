package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// serveOptions is what the server was told on the command line, in the
// environment and in the key's file.
type serveOptions struct {
	port          uint16
	key           string
	keyFile       string
	allowEmptyKey bool
	bind          string
	maxClients    int
	maxPending    int // or automatic
	authTimeout   time.Duration
	stallTimeout  time.Duration
	backlog       int // or automatic
	replay        int
	history       string
	historySync   time.Duration
	retain        time.Duration // 0: for good
	web           webOptions
	loops         int // or automatic
	console       string
	consoleKeys   string
	logLevel      slog.Level
	stage         int
}

// A serveFunc does what the options say until it is done or ctx is.
type serveFunc func(ctx context.Context, o serveOptions, p Process) error

const serveExamples = `  sop-chat 9000 secret
      opens a room for up to 4 people who know the key

  sop-chat --max-clients 100 --key-file key.txt --console-keys hide 9000
      opens one for up to 100, and shows the key to nobody`

const serveAbout = `
PORT is a number from 1 to 65535. KEY is what everyone who joins has to give,
at most 448 bytes; one that begins with '-' goes after '--'.

A KEY on the command line can be seen by all users of this machine. To keep it
from them, put it into a file (--key-file) or into the variable SOP_CHAT_KEY,
and leave KEY out. PORT can be left out too if it is in SOP_CHAT_PORT. A single
argument is always PORT.

What happens in the room is shown on standard output, with the keys that clients
give (--console-keys), and how the server fares on standard error. Wrong usage
ends with status 2, and what fails at run time with status 1.

SIGINT (Ctrl+C), SIGTERM, SIGQUIT and a terminal that closes (SIGHUP) end it in
order, with status 0; a second signal ends it at once. Without a terminal, or
under nohup, SIGHUP is ignored.

Flags can be set in the environment too, each by the variable that is named
with it. The command line wins; an empty variable counts as not set.`

// newServe returns the command that runs the server, by way of run.
func newServe(p Process, run serveFunc) *cobra.Command {
	var o serveOptions
	cmd := newCommand(p, &cobra.Command{
		Use:     "sop-chat [flags] PORT KEY",
		Short:   "Runs a chat room on a TCP port, for everyone who knows its key.",
		Long:    serveAbout,
		Example: serveExamples,
		Version: version(),
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
	cmd.Flags().Bool("version", false, "Shows the version.")
	cmd.SetVersionTemplate("{{.Version}}\n")
	return cmd
}

func (o *serveOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.maxClients, "max-clients", "N", "4", wholeNumber(0, 1_000_000),
		`How many clients the room takes; while it is full, connections are closed at once. 0 is no limit.`)
	define(flags, &o.keyFile, "key-file", "FILE", "", anyText,
		`Reads KEY from a file ('-' is standard input). One line break at its end is not part of KEY.`)
	define(flags, &o.allowEmptyKey, "allow-empty-key", "", "false", truth,
		`Takes an empty KEY, with which everyone can join.`)
	define(flags, &o.bind, "bind", "ADDRESS", "::", anyText,
		`Listens on one IP address, or on those of one host name. :: is all addresses, IPv4 and IPv6.`)
	define(flags, &o.maxPending, "max-pending", "N", "auto", pendingLimit,
		`How many connections may stay open that have not given a key; beyond it, the oldest one `+
			`from where there are most gives way. One address may have a quarter of them. 0 is no `+
			`limit but that on open files. auto is 64, or 1024 with --max-clients 0, and at most a `+
			`quarter of that limit.`)
	define(flags, &o.authTimeout, "auth-timeout", "D", "10s", duration,
		`How long a connection may take to give its name and key.`)
	define(flags, &o.stallTimeout, "stall-timeout", "D", "10s", duration,
		`How long a client that reads too little may hold up the others before it is disconnected.`)
	define(flags, &o.backlog, "backlog", "SIZE", "auto", backlogSize,
		`How much the room keeps for clients that lag; from half of that on, floods are slowed down. `+
			`From 64KiB to 64GiB. auto is 32MiB, or what fits the memory that the server may have.`)
	define(flags, &o.replay, "replay", "N", "0", wholeNumber(0, 1_000_000),
		`How many of the room's last messages a client is sent when it joins, before those that `+
			`are new. The GUI client shows them with the time at which they arrive, and long `+
			`lists make it slow: 20 suits it.`)
	define(flags, &o.history, "history", "FILE", "", anyText,
		`Keeps all that is said in an SQLite database, for --replay after a restart and for the `+
			`command history. It is created if it is not there.`)
	define(flags, &o.historySync, "history-sync", "D", "200ms", durationOrNone,
		`How long a message may wait to be written to the history, and so what may be missing in `+
			`it after the server was killed. With 0, everything is on the disk before anybody `+
			`receives it.`)
	define(flags, &o.retain, "retain", "AGE", "", ageOrNone,
		`Removes what is older from the history: 90d, 12h, 4w. Without it, everything is kept.`)
	o.web.defineFlags(flags)
	define(flags, &o.loops, "loops", "N", "auto", loopCount,
		`How many event loops write to the clients, each on a core of its own. auto is one on `+
			`up to 3 cores, half the cores on more, and 8 at most.`)
	define(flags, &o.console, "console", "FORMAT", "text", oneOf("text", "json", "off"),
		`How the room is shown on standard output: text, json (an object a line) or off.`)
	define(flags, &o.consoleKeys, "console-keys", "HOW", "show", oneOf("show", "hide"),
		`Whether standard output shows the keys that clients give, right and wrong ones, and the link `+
			`of --web the room's: show or hide.`)
	define(flags, &o.logLevel, "log-level", "LEVEL", "info", level,
		`The least that is reported on standard error: debug, info, warn or error.`)
	define(flags, &o.stage, "stage", "N", "4", wholeNumber(1, 4),
		`Runs a stage of the specification: 1 closes the first connection and ends; 2 shows five `+
			`messages of the first client with the right key and ends; 3 does not handle SIGINT; `+
			`4 is the whole. Limits and timeouts don't apply to 1 and 2.`)
}

// readArguments takes PORT and KEY.
func (o *serveOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	if len(args) > 2 {
		return usagef("there are %d arguments, not PORT and KEY; a KEY with blanks needs quotes around it", len(args))
	}
	var err error
	if o.port, err = readPort(cmd, args, p); err != nil {
		return err
	}
	source := keySource{
		arguments:  args[min(1, len(args)):],
		file:       o.keyFile,
		fileByFlag: cmd.Flags().Changed("key-file"),
	}
	if o.key, err = source.read(p); err != nil {
		return err
	}
	if err := checkKey(o.key, o.allowEmptyKey); err != nil {
		return err
	}
	if err := o.checkReplay(); err != nil {
		return err
	}
	if err := o.checkHistory(cmd); err != nil {
		return err
	}
	return o.web.check(o.stage)
}

// hidesKeys reports whether nobody is to see keys.
func (o *serveOptions) hidesKeys() bool { return o.consoleKeys == "hide" }

// run runs the server, or one of its early stages.
func run(ctx context.Context, o serveOptions, p Process) error {
	if err := o.checkDescriptors(); err != nil {
		return err
	}
	handler, flush := newRepeatsHandler(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: o.logLevel, ReplaceAttr: showNames}))
	defer flush()
	logger := slog.New(handler)
	ctx, done := untilSignal(ctx, p, logger, o.signals(p)...)
	defer done()
	printInBackground()
	if !isASCII(o.key) {
		logger.Warn("the key is not ASCII, so the GUI client can't send it")
	}
	if err := o.fitBacklog(ownLimit(os.DirFS("/")), logger); err != nil {
		return err
	}
	if o.stage <= 2 {
		return runStage(ctx, o, p, logger)
	}
	return serve(ctx, o, p, logger)
}

// automatic is a number that follows from something else.
const automatic = -1

var (
	pendingLimit = orAutomatic(wholeNumber(0, 1_000_000))
	loopCount    = orAutomatic(wholeNumber(1, 64))
)

// orAutomatic reads what parse does, or the word auto.
func orAutomatic(parse func(string) (int, error)) func(string) (int, error) {
	return func(text string) (int, error) {
		if text == "auto" {
			return automatic, nil
		}
		n, err := parse(text)
		if err != nil {
			return 0, fmt.Errorf("%w, or auto", err)
		}
		return n, nil
	}
}

// loopsFor returns how many event loops a machine's cores are worth. A second
// loop on two cores makes both slower, because what receives the messages
// needs a core too; and beyond some, all that grows is what it costs to wake
// each other.
func (o *serveOptions) loopsFor(cores int) int {
	switch {
	case o.loops != automatic:
		return o.loops
	case cores < 4:
		return 1
	}
	return min(cores/2, 8)
}

// pendingLimits returns how many connections may be pending in all and from one
// address; 0 is no limit. The automatic one leaves most of the descriptors, of
// which there are so many, to clients.
func (o *serveOptions) pendingLimits(descriptors int) (inAll, perAddress int) {
	switch {
	case o.maxPending != automatic:
		inAll = o.maxPending
	case o.maxClients > 0:
		inAll = 64
	default:
		inAll = 1024
	}
	if o.maxPending == automatic && descriptors > 0 {
		inAll = min(inAll, max(1, descriptors/4))
	}
	if inAll == 0 {
		return 0, 0
	}
	return inAll, max(1, inAll/4)
}
