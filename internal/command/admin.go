package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/admin"
)

const adminExamples = `  sop-chat admin who
      shows who is in the rooms of the server that runs

  sop-chat admin kick eve --reason "please stop that"
      disconnects a client

  sop-chat admin ban 192.0.2.66 --for 1h
      disconnects those from an address, and keeps them out

  sop-chat admin rooms --json | jq '.rooms[].clients'
      counts them for a script`

const adminAbout = `
A server is reached at its socket (--admin), by its own user and by root. If just one
server runs, it is found by itself; otherwise --socket says which.

A server that is started with --commands takes the same commands at its terminal.

In a cluster, any of its servers can be asked: who, kick, ban, unban, bans and say are about
all of them, and the other commands about the one that is asked.

The exit status is 1 if the server refuses, with the reason on standard error. Whatever
changes something is logged by the server, with who did it.`

// An adminCall asks a server for something.
type adminCall func(ctx context.Context, socket string, r admin.Request) (admin.Result, error)

// newAdmin returns the commands for operators.
func newAdmin(p Process, call adminCall) *cobra.Command {
	var all []*cobra.Command
	for _, c := range adminCommands() {
		all = append(all, c.complete(p, call))
	}
	return newGroup(&cobra.Command{
		Use:     "admin COMMAND",
		Short:   "Shows what a running server does, and acts on it.",
		Long:    adminAbout,
		Example: adminExamples,
	}, all...)
}

// An adminCommand is a command for operators.
type adminCommand struct {
	cobra.Command
	flags     func(*pflag.FlagSet, *admin.Request)
	arguments func(r *admin.Request, args []string, p Process) error
}

// adminOptions are the options of such a command.
type adminOptions struct {
	command *adminCommand
	socket  string
	json    bool
	local   bool // there is no other server
	request admin.Request
}

// complete returns the command, which asks a server by call.
func (c *adminCommand) complete(p Process, call adminCall) *cobra.Command {
	o := &adminOptions{command: c, local: p.isServer}
	if c.flags == nil {
		c.flags = func(*pflag.FlagSet, *admin.Request) {}
	}
	if c.arguments == nil {
		c.arguments = func(*admin.Request, []string, Process) error { return nil }
	}
	return newCommand(p, &c.Command, o, func(ctx context.Context) error {
		if !p.isServer { // which has its own
			var done func()
			ctx, done = untilSignal(ctx, p, slog.New(slog.DiscardHandler), endSignals()...)
			defer done()
		}
		if err := o.readKey(ctx, p); err != nil {
			return err
		}
		result, err := call(ctx, o.socket, o.request)
		if err != nil {
			return err
		}
		text := result.AppendText(nil)
		if o.json {
			if text, err = admin.Encode(result); err != nil {
				return err
			}
		}
		_, err = (&checkedOutput{w: p.Stdout}).Write(text)
		return err
	})
}

func (o *adminOptions) defineFlags(flags *pflag.FlagSet) {
	defer flags.VisitAll(func(f *pflag.Flag) { flags.SetAnnotation(f.Name, withoutVariable, nil) })
	o.command.flags(flags, &o.request)
	define(flags, &o.json, "json", "", "false", truth,
		`Prints a JSON object, as docs/admin.md describes it.`)
	if o.local {
		return
	}
	define(flags, &o.socket, "socket", "PATH", "", anyText,
		`The server's socket, or its port. Without it, SOP_CHAT_ADMIN says which, or the server that runs is found.`)
}

// adminVariable is the variable of the server's --admin, which is used here, too.
const adminVariable = "SOP_CHAT_ADMIN"

func (o *adminOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	names := strings.Fields(strings.TrimPrefix(cmd.Use, cmd.Name()))
	names = names[1:] // without [flags]
	for i, name := range names {
		if !strings.HasPrefix(name, "[") && len(args) <= i {
			return usagef("%s is missing", strings.TrimSuffix(name, "..."))
		}
	}
	switch {
	case cmd.Name() == "rekey" && p.isServer:
		if len(args) != 2 {
			return usagef("ROOM and KEY are what rekey takes here; one with blanks needs quotes around it")
		}
		o.request.Key, args = args[1], args[:1]
	case cmd.Name() == "rekey" && len(args) == 2:
		return usagef("all users of this machine can see a key here; leave it out, and it is asked for or read from standard input")
	}
	if len(args) > len(names) && !strings.HasSuffix(cmd.Use, "...") {
		return usagef("%q is one argument too many", args[len(names)])
	}
	if inVariable, _ := p.LookupEnv(adminVariable); o.socket == "" && inVariable != adminAuto && inVariable != adminOff {
		o.socket = inVariable
	}
	o.request.Command = cmd.Name()
	return o.command.arguments(&o.request, args, p)
}

// adminCommands returns the commands, in the order of the help.
func adminCommands() []*adminCommand {
	room := func(flags *pflag.FlagSet, r *admin.Request, what string) {
		define(flags, &r.Room, "room", "ROOM", "", anyText, what)
	}
	reason := func(flags *pflag.FlagSet, r *admin.Request) {
		define(flags, &r.Reason, "reason", "TEXT", "", anyText,
			`What the clients are told, if they can be, and what the console and the log say: up to 90 bytes.`)
	}
	return []*adminCommand{
		{
			Command: cobra.Command{
				Use:     "who [flags] [ROOM]",
				Short:   "Shows the clients in all rooms, or in one.",
				Long:    "\nUNSENT is how many messages a client has yet to be sent. LABEL is whose key it gave,\nif that is one of --keys. In a cluster, SERVER is where the client is, which has an ID there.",
				Example: "  sop-chat admin who\n      shows all of them",
			},
			arguments: func(r *admin.Request, args []string, _ Process) error {
				r.Room = strings.Join(args, "")
				return nil
			},
		},
		{
			Command: cobra.Command{
				Use:   "kick [flags] CLIENT",
				Short: "Disconnects clients.",
				Long: "\nCLIENT is an ID or a name, as 'who' shows them, or an address, whose clients are all\n" +
					"disconnected. A browser and 'sop-chat join' through the page do not come back by\nthemselves. " +
					"Over plain TCP nobody can be told; 'ban' keeps them out. In a cluster, a\nname or an address is that of clients at all servers, " +
					"and an ID is one of the server that is\nasked; SERVER/ID is one of another.",
				Example: "  sop-chat admin kick eve\n      disconnects the client with that name",
			},
			flags: func(flags *pflag.FlagSet, r *admin.Request) {
				reason(flags, r)
				room(flags, r, `Only a client of that room.`)
				define(flags, &r.All, "all", "", "false", truth, `Also if several clients have the name.`)
			},
			arguments: func(r *admin.Request, args []string, _ Process) error {
				r.Target = args[0]
				return nil
			},
		},
		{
			Command: cobra.Command{
				Use:   "ban [flags] NETWORK",
				Short: "Bans an address or a network, and disconnects its clients.",
				Long: "\nNETWORK is an address, such as 192.0.2.66, or a network, such as 192.0.2.0/24. An\n" +
					"address of IPv6 stands for its network of 64 bits, in which one machine can have every\n" +
					"address. Bans are gone when the server ends, but not those of a cluster, which hold at all\nits servers; --deny is for good.",
				Example: "  sop-chat admin ban 192.0.2.66 --for 1h --reason spam\n      bans an address for an hour",
			},
			flags: func(flags *pflag.FlagSet, r *admin.Request) {
				define(flags, &r.For, "for", "D", "", banTime,
					`For how long: 30m, 12h, 7d. Without it, until 'unban', or until the server ends, if that is in no cluster.`)
				reason(flags, r)
			},
			arguments: network,
		},
		{
			Command: cobra.Command{
				Use:     "unban [flags] NETWORK",
				Short:   "Removes bans, those for wrong keys too.",
				Long:    "\nNETWORK is the address or the network that 'bans' shows. Of a network, the addresses\nin it that the server has banned for wrong keys are let in again, too. In a cluster, this is\nso at all servers.",
				Example: "  sop-chat admin unban 192.0.2.66\n      lets an address in again",
			},
			arguments: network,
		},
		{
			Command: cobra.Command{
				Use:     "bans [flags]",
				Short:   "Shows what is banned, by operators or for wrong keys.",
				Long:    "\nWhat --deny has is not shown.",
				Example: "  sop-chat admin bans\n      shows all bans",
			},
		},
		{
			Command: cobra.Command{
				Use:     "say [flags] TEXT...",
				Short:   "Says something in the rooms.",
				Long:    "\nAll clients receive it as a message of the server, and it is kept as any other. A text\nof more than 447 bytes becomes several messages.",
				Example: "  sop-chat admin say --room maths the exercise is due tomorrow\n      says that in one room",
			},
			flags: func(flags *pflag.FlagSet, r *admin.Request) {
				room(flags, r, `Only in that room. Without it, in all.`)
			},
			arguments: func(r *admin.Request, args []string, _ Process) error {
				if r.Text = strings.Join(args, " "); strings.TrimSpace(r.Text) == "" {
					return usagef("TEXT is empty")
				}
				return nil
			},
		},
		{
			Command: cobra.Command{
				Use:     "rooms [flags]",
				Short:   "Shows the rooms.",
				Long:    "\nIn a cluster, CLIENTS are those of the server that is asked.\nSTATE is open, pressed if floods are slowed down because a reader lags, or held if\nnobody's messages are taken until it goes on.",
				Example: "  sop-chat admin rooms\n      shows all rooms",
			},
		},
		{
			Command: cobra.Command{
				Use:   "rekey [flags] ROOM",
				Short: "Gives a room another key.",
				Long: "\nThe key is asked for, or read from standard input: on the command line all users of\n" +
					"the machine could see it. Where commands are typed at the server, KEY follows ROOM. The\n" +
					"key is in force until the server ends, or until SIGHUP or 'reload' has the file of the\n" +
					"rooms read again. The only room without a name is called main. In a cluster, each server\nneeds the new key.",
				Example: "  openssl rand -hex 8 | tee key.txt | sop-chat admin rekey main\n      gives the room a random key, and keeps that in a file",
			},
			flags: func(flags *pflag.FlagSet, r *admin.Request) {
				define(flags, &r.Disconnect, "disconnect", "", "false", truth, `Disconnects the clients of the room.`)
			},
			arguments: func(r *admin.Request, args []string, _ Process) error {
				r.Room = args[0]
				return nil
			},
		},
		{
			Command: cobra.Command{
				Use:     "reload [flags]",
				Short:   "Has the server read its files again, as SIGHUP does.",
				Long:    "\nThe files are those of --config, --rooms, --keys, --webhooks, --motd, --tls-cert, --allow\nand --deny. What is wrong in them is said here; the rest is in force.",
				Example: "  sop-chat admin reload\n      reads them again",
			},
		},
		{
			Command: cobra.Command{
				Use:     "drain [flags]",
				Short:   "Lets nobody in any more; those that are in stay.",
				Long:    "\nBefore the server ends, clients can leave by and by. A browser is told to try later.",
				Example: "  sop-chat admin drain\n      lets nobody in",
			},
			flags: func(flags *pflag.FlagSet, r *admin.Request) {
				define(flags, &r.Off, "off", "", "false", truth, `Lets clients in again.`)
			},
		},
		{
			Command: cobra.Command{
				Use:     "stats [flags]",
				Short:   "Shows what the server counts.",
				Long:    "\nMore counters are added in later versions.",
				Example: "  sop-chat admin stats\n      shows all counters",
			},
		},
		{
			Command: cobra.Command{
				Use:     "loglevel [flags] [LEVEL]",
				Short:   "Shows or sets the lowest level that is logged.",
				Long:    "\nLEVEL is debug, info, warn or error. It is in force until the server ends.",
				Example: "  sop-chat admin loglevel debug\n      logs all there is",
			},
			arguments: func(r *admin.Request, args []string, _ Process) error {
				if r.Level = strings.Join(args, ""); r.Level != "" {
					if _, err := level(r.Level); err != nil {
						return usagef("LEVEL: %v", err)
					}
				}
				return nil
			},
		},
		{
			Command: cobra.Command{
				Use:     "upgrade [flags]",
				Short:   "Has the server go on as the program that is installed now.",
				Long:    "\nNobody is disconnected, but for clients over TLS, which come back by themselves. If the\nnew program can't be started, the server goes on as it is.",
				Example: "  sop-chat admin upgrade\n      after the new version was installed",
			},
		},
	}
}

// network takes an address or a network.
func network(r *admin.Request, args []string, _ Process) error {
	r.Network = args[0]
	return nil
}

// banTime checks for how long somebody is to be banned.
func banTime(text string) (string, error) {
	_, err := ageOrNone(text)
	if err != nil {
		return "", fmt.Errorf("%q is not a time, such as 30m, 12h or 7d", text)
	}
	return text, nil
}

// readKey reads the key that a room is to have, if the command needs one.
func (o *adminOptions) readKey(ctx context.Context, p Process) (err error) {
	if o.request.Command != "rekey" || p.isServer {
		return nil
	}
	if isTerminal(p.Stdin) {
		o.request.Key, err = askTwice(ctx, p, "New key of "+o.request.Room)
	} else {
		o.request.Key, err = readKeyFile("-", p.Stdin)
	}
	if err == nil && o.request.Key == "" {
		err = errors.New("the key is empty; nothing was changed")
	}
	return err
}

// callSocket returns what asks a server at its socket.
func callSocket(p Process) adminCall {
	return func(ctx context.Context, socket string, r admin.Request) (admin.Result, error) {
		get := admin.Lookup(func(variable string) string {
			value, _ := p.LookupEnv(variable)
			return value
		})
		path := socket
		if _, err := strconv.ParseUint(socket, 10, 16); err == nil || socket == "" {
			if path, err = get.Find(socket); err != nil {
				return nil, err
			}
		}
		result, err := admin.Call(ctx, path, r)
		if r.Command == "upgrade" && errors.Is(err, admin.ErrNoAnswer) {
			return awaitUpgrade(ctx, path)
		}
		return result, err
	}
}

// upgradeTimeout is how long it may take until a server that goes on as another program
// answers again.
const upgradeTimeout = 20 * time.Second

// awaitUpgrade waits until the server at a socket answers, which is another program now: the
// former one had no time to answer.
func awaitUpgrade(ctx context.Context, path string) (admin.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, upgradeTimeout, admin.ErrNoAnswer)
	defer cancel()
	for {
		_, err := admin.Call(ctx, path, admin.Request{Command: "stats"})
		if err == nil {
			return &admin.Upgraded{Upgraded: true}, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
