package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/keys"
	"sop-chat/internal/rooms"
)

// serveOptions are the server's options, from the command line, the environment
// and the key file.
type serveOptions struct {
	port          uint16
	key           string
	keyFile       string
	allowEmptyKey bool
	fixedRooms    roomList // those of --room, and beside them that of KEY
	roomsFile     string
	keysFile      string
	configFile    string
	config        *configuration // of configFile; nil if there is none
	personalKeys  []keys.Line    // of keysFile and config
	keysVersion   keys.Version   // of keysFile
	personalOnly  bool           // no other key opens the only room
	rooms         []rooms.Room   // all of them; none if there is only that of KEY
	bind          string
	proxies       []netip.Prefix // that are trusted
	maxClients    int
	maxPending    int // or automatic
	authTimeout   time.Duration
	stallTimeout  time.Duration
	backlog       int // or automatic
	replay        int
	verifyNames   bool
	uniqueNames   bool
	talk          talkOptions
	webhooks      webhookOptions
	cluster       clusterOptions
	mentions      mentionList
	history       string
	historySync   time.Duration
	retain        rooms.Retention
	rate          rooms.Rate
	rateBurst     int // 0: what fits the rate
	origins       originOptions
	web           webOptions
	tls           tlsOptions
	certs         certOptions
	metrics       metricsOptions
	loops         int // or automatic
	send          string
	admin         string // a path, or adminAuto or adminOff
	serverName    string
	commands      bool
	logged        *slog.LevelVar // what logLevel says, until it is changed
	console       string
	consoleKeys   string
	logLevel      slog.Level
	logFormat     string
	stage         int
}

// A serveFunc runs the server until it or ctx is done.
type serveFunc func(ctx context.Context, o serveOptions, p Process) error

const serveExamples = `  sop-chat 9000 secret
      opens a room for up to 4 people who know the key

  sop-chat --max-clients 100 --key-file key.txt --console-keys hide 9000
      opens one for up to 100, and shows the key nowhere

  sop-chat --keys people.txt 9000
      opens one for everyone with a key in that file; see sop-chat key --help

  sop-chat --rooms rooms.toml 9000
      opens the rooms of a file; the key that somebody gives decides the room

  sop-chat --allow 192.168.0.0/16,@friends.txt --deny 192.168.1.66 9000 secret
      lets in nobody but those networks and the addresses of a file, less one`

const serveAbout = `
PORT is a number from 1 to 65535. KEY is the key that everyone needs to join, at
most 448 bytes; one that begins with '-' goes after '--'.

All users of this machine can see a KEY on the command line. To hide it, put it
into a file (--key-file) or into the variable SOP_CHAT_KEY, and leave KEY out.
PORT can be left out too if it is in SOP_CHAT_PORT. A single argument is always
PORT. With --no-plain there is no PORT, and a single argument is KEY.

With --keys, people have keys of their own. KEY then opens the room besides, or
is left out. The file is read again at SIGHUP, too.

With --room or --rooms there are several rooms, and KEY opens one more, named
"main", or is left out. An error in a file of rooms is said with its line. At
SIGHUP the file is read again: new rooms open, those that it has no longer are
closed, and others take their new key and limits while their clients stay. If
the file has an error then, all stays as it was.

Standard output shows what happens in the room, with the keys that clients give
(--console-keys). Standard error has the server's own messages. The exit status
is 2 for wrong usage, and 1 for an error at run time.

SIGINT (Ctrl+C), SIGTERM, SIGQUIT and a terminal that closes (SIGHUP) end the
server in order, with status 0; a second signal ends it at once. Without a
terminal, or under nohup, SIGHUP ends nothing. As long as the terminal is open,
SIGHUP does not end a server that has a file to read again, either: that of --config,
--rooms, --keys, --webhooks, --motd or --tls-cert, or one in --allow or --deny.

SIGUSR2 has the running server go on in the program that is now at its path. The
clients stay, except for those over TLS, which are told to come back. Under
systemd, SIGUSR1 ends the server and leaves the clients to the next one, if there
is a descriptor store.

Each flag can also be set by the environment variable that is named with it, and in
a configuration file (--config). The command line wins over variables, and they win
over the file; an empty variable counts as not set.`

// newServe returns the command that runs the server. It calls run.
func newServe(p Process, run serveFunc) *cobra.Command {
	var o serveOptions
	cmd := newCommand(p, &cobra.Command{
		Use:     "sop-chat [flags] PORT KEY",
		Short:   "Runs a chat room on a TCP port, for everyone who knows its key.",
		Long:    serveAbout,
		Example: serveExamples,
		Version: p.Build.recorded().long(),
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
	cmd.Flags().Bool("version", false, "Shows the version.")
	cmd.SetVersionTemplate("{{.Version}}\n")
	return cmd
}

func (o *serveOptions) defineFlags(flags *pflag.FlagSet) {
	o.defineConfigFlag(flags)
	define(flags, &o.maxClients, "max-clients", "N", "4", clientLimit,
		`How many clients the room takes. While it is full, connections are closed at once. 0 is no limit.`)
	define(flags, &o.keyFile, "key-file", "FILE", "", anyText,
		`Reads KEY from a file ('-' is standard input). One line break at its end is not part of KEY.`)
	define(flags, &o.allowEmptyKey, "allow-empty-key", "", "false", truth,
		`Permits an empty KEY, with which everyone can join.`)
	flags.Var(&o.fixedRooms, "room",
		`Opens a room for those that give its key: several rooms share the port. It can be given `+
			`again for more; in the variable, each is a line. With KEY, there is also the room "main".`)
	flags.SetAnnotation("room", notInFile, nil)
	define(flags, &o.roomsFile, "rooms", "FILE", "", anyText,
		`Opens the rooms of a TOML file, each a table [[room]] with name and key, and if it needs others `+
			`than the flags say, max-clients, replay, retain, rate, rate-burst, verify-names, unique-names and announce. SIGHUP has it read again.`)
	define(flags, &o.keysFile, "keys", "FILE", "", anyText,
		`Lets in everyone who has a key of their own: each line of the file has a label, a room and a hash, as `+
			`the command key makes them. It is read again when it changes, and at SIGHUP; `+
			`clients whose key is no longer in it are disconnected. With it, KEY can be left out.`)
	define(flags, &o.bind, "bind", "ADDRESS", "::", anyText,
		`Listens on one IP address, or on those of one host name. :: is all addresses, IPv4 and IPv6.`)
	define(flags, &o.maxPending, "max-pending", "N", "auto", pendingLimit,
		`How many connections that have not given a key may stay open. Beyond that, the oldest one `+
			`of the address with most of them is evicted. One address may have a quarter of them. With `+
			`0 only the limit on open files counts. auto is 64, or 1024 with --max-clients 0 or named rooms, and at `+
			`most a quarter of that limit.`)
	define(flags, &o.authTimeout, "auth-timeout", "D", "10s", duration,
		`How long a connection may take to give its name and key.`)
	o.origins.defineFlags(flags)
	define(flags, &o.stallTimeout, "stall-timeout", "D", "10s", duration,
		`How long a client that reads too little may hold up the others before it is disconnected.`)
	define(flags, &o.backlog, "backlog", "SIZE", "auto", backlogSize,
		`How much the room keeps for clients that lag. From half of that on, floods are slowed down. `+
			`From 64KiB to 64GiB. auto is 32MiB, or less if the server has little memory.`)
	define(flags, &o.replay, "replay", "N", "0", replayCount,
		`How many of the room's last messages a client is sent when it joins, before new ones. `+
			`The GUI client shows them with the time at which they arrive, and long lists make it `+
			`slow: 20 suits it.`)
	define(flags, &o.verifyNames, "verify-names", "", "false", truth,
		`Has each message carry the name its sender joined with, whatever its sender puts there.`)
	define(flags, &o.uniqueNames, "unique-names", "", "false", truth,
		`Refuses a name that somebody in the room has, or one that looks like it: alice, Alice and a1ice `+
			`are one name.`)
	o.talk.defineFlags(flags)
	define(flags, &o.history, "history", "FILE", "", anyText,
		`Keeps all messages in an SQLite database, for --replay after a restart and for the `+
			`command history. It is created if it does not exist.`)
	define(flags, &o.historySync, "history-sync", "D", "200ms", durationOrNone,
		`How long a message may wait to be written to the history. Messages of that time may be `+
			`missing after the server was killed. With 0, each message is on the disk before `+
			`anybody receives it.`)
	define(flags, &o.retain, "retain", "HOW", "", retention,
		`Removes messages from the history that are older than an age, such as 90d, 12h or 4w, and the oldest `+
			`while the file is larger than a size, such as 10GB; or for both, 90d,10GB. Without it, all are kept.`)
	define(flags, &o.rate, "rate", "RATE", "", rateOrNone,
		`How many messages each member may send: 5/s, 30/m. One that sends more is read slower, and `+
			`nothing is lost. Without it there is no limit.`)
	define(flags, &o.rateBurst, "rate-burst", "N", "auto", rateBurst,
		`How many messages a member may send at once, if it was quiet before. auto is what --rate allows in `+
			`5 seconds, and at least 5.`)
	o.web.defineFlags(flags)
	o.webhooks.defineFlags(flags)
	flags.Var(&o.mentions, "mention",
		`Posts each message that mentions a name to an address, as JSON with room, name, text, number and time. `+
			`It can be given again for more; in the variable, each is a line.`)
	define(flags, &o.proxies, "trusted-proxy", "IP", "", prefixes,
		`The addresses or networks (10.0.0.0/8) of proxies that say a client's address, separated by commas: `+
			`before PORT by the PROXY protocol, before --web by X-Forwarded-For. Clients of one that does `+
			`not say it can claim any address.`)
	o.tls.defineFlags(flags)
	o.certs.defineFlags(flags)
	o.metrics.defineFlags(flags)
	o.cluster.defineFlags(flags)
	define(flags, &o.loops, "loops", "N", "auto", loopCount,
		`How many event loops write to the clients, each on a core of its own. auto is one on `+
			`up to 3 cores, half the cores on more, and 8 at most.`)
	define(flags, &o.send, "send", "HOW", "auto", oneOf("auto", "copy", "reference"),
		`How large batches are sent to large rooms, for measuring: copy, reference, or auto, which finds `+
			`out what costs less.`)
	flags.Lookup("send").Hidden = true
	define(flags, &o.console, "console", "FORMAT", "text", oneOf("text", "json", "off"),
		`How the room is shown on standard output: text, json (an object a line) or off.`)
	define(flags, &o.consoleKeys, "console-keys", "HOW", "auto", oneOf("auto", "show", "hide"),
		`Whether standard output shows the keys that clients give, right and wrong ones, and the link `+
			`of --web contains the room's: show or hide. auto shows them, but with --web, --tls or --keys only in `+
			`that link, and there only on a terminal.`)
	o.defineAdmin(flags)
	define(flags, &o.logLevel, "log-level", "LEVEL", "info", level,
		`The lowest level that is reported on standard error: debug, info, warn or error.`)
	define(flags, &o.logFormat, "log-format", "HOW", textLog, oneOf(logFormats...),
		`How all of standard error is written: text, json (an object a line) or journal (for systemd's, with `+
			`priorities and without times).`)
	define(flags, &o.stage, "stage", "N", "4", wholeNumber(1, 4),
		`Runs a stage of the specification: 1 closes the first connection and ends; 2 shows five `+
			`messages of the first client with the right key and ends; 3 does not handle SIGINT; `+
			`4 is the complete server. Limits and timeouts don't apply to 1 and 2.`)
}

// readArguments reads PORT and KEY.
func (o *serveOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	if o.tls.noPlain && len(args) > 1 {
		return usagef("with --no-plain there is no PORT, and KEY is the only argument; there are %d", len(args))
	}
	if len(args) > 2 {
		return usagef("there are %d arguments, not PORT and KEY; a KEY with blanks needs quotes around it", len(args))
	}
	keys := args
	if !o.tls.noPlain {
		keys = args[min(1, len(args)):]
	}
	source := keySource{
		arguments:  keys,
		file:       o.keyFile,
		fileByFlag: cmd.Flags().Changed("key-file"),
		config:     o.config,
	}
	withKey := source.isGiven(p)
	needsKey := !o.hasNamedRooms() && !o.hasPersonalKeys()
	var err error
	if !o.tls.noPlain {
		if o.port, err = readPort(cmd, args, p, o.config, needsKey && !withKey); err != nil {
			return err
		}
	} else if needsKey && !withKey {
		return usagef("KEY is missing: give it as the argument, in a file with --key-file, or in %s%s", keyVariable, o.config.alsoHas("key"))
	}
	if withKey || needsKey {
		if o.key, err = source.read(p); err != nil {
			return err
		}
		if err := checkKey(o.key, o.allowEmptyKey); err != nil {
			return err
		}
	}
	if err := o.checkReplay(); err != nil {
		return err
	}
	if err := o.checkHistory(cmd); err != nil {
		return err
	}
	if err := o.checkRate(); err != nil {
		return err
	}
	if err := o.setRooms(cmd, withKey); err != nil {
		return err
	}
	if o.stage <= 2 && len(o.proxies) > 0 {
		return usagef("--trusted-proxy takes effect from stage 3 on, not in stage %d", o.stage)
	}
	if err := o.setPersonalKeys(withKey); err != nil {
		return err
	}
	if err := o.web.check(o.stage); err != nil {
		return err
	}
	if err := o.metrics.check(o.stage); err != nil {
		return err
	}
	if err := o.talk.check(o.stage); err != nil {
		return err
	}
	if err := o.webhooks.check(o); err != nil {
		return err
	}
	if err := o.mentions.check(o.stage); err != nil {
		return err
	}
	if err := o.cluster.check(o); err != nil {
		return err
	}
	return o.checkTLS()
}

// rereads reports whether the server has a file to read again on SIGHUP. systemd expects an
// answer to each SIGHUP, whatever there is to read.
func (o *serveOptions) rereads(p Process) bool {
	return notifySocket(p) != "" || o.config != nil || o.roomsFile != "" || o.keysFile != "" || o.certs.cert != "" ||
		o.origins.haveFiles() || o.talk.motdFile != "" || o.webhooks.file != ""
}

// run runs the server, or one of its early stages.
func run(ctx context.Context, o serveOptions, p Process) error {
	if err := o.checkDescriptors(); err != nil {
		return err
	}
	o.logged = new(slog.LevelVar)
	o.logged.Set(o.logLevel)
	handler, flush := newRepeatsHandler(newLogHandler(o.logFormat, p.Stderr, o.logged))
	defer flush()
	logger := slog.New(handler)
	if err := p.inherit(&o, logger); err != nil {
		return err
	}
	stderr, _ := p.Stderr.(*spool)
	p.flushLog = func() {
		flush()
		if stderr != nil {
			stderr.Flush(stderrTimeout)
		}
	}
	o.useFormat(&p, logger)
	if o.config != nil {
		warnOfConfig(o.config.atStart, logger)
	}
	ends := o.signals(p)
	ctx, done := untilSignal(ctx, p, logger, ends...)
	defer done()
	var reread <-chan struct{}
	if o.rereads(p) {
		var done func()
		ctx, reread, done = untilHangup(ctx, p, logger, ends)
		defer done()
	}
	allowBackgroundOutput()
	if err := o.fitBacklog(ownLimit(os.DirFS("/")), logger); err != nil {
		return err
	}
	if o.stage <= 2 {
		return runStage(ctx, o, p, logger)
	}
	p.ends = ends
	return serve(ctx, o, p, reread, logger)
}

// automatic is the value of an option that the program chooses.
const automatic = -1

var (
	clientLimit  = wholeNumber(0, 1_000_000)
	replayCount  = wholeNumber(0, 1_000_000)
	pendingLimit = orAutomatic(wholeNumber(0, 1_000_000))
	loopCount    = orAutomatic(wholeNumber(1, 64))
)

// orAutomatic returns a parser of what parse does, or the word auto.
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

// loopsFor returns how many event loops to run on a number of cores. On two cores a
// second loop makes both slower, because the clients need a core too. Beyond some,
// more loops only cost more wake-ups.
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
// address; 0 is no limit. The automatic limits leave most of the descriptors to
// clients.
func (o *serveOptions) pendingLimits(descriptors int) (inAll, perAddress int) {
	switch {
	case o.maxPending != automatic:
		inAll = o.maxPending
	case o.maxClients > 0 && !o.hasNamedRooms():
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
