package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sop-chat/internal/bench"
	"sop-chat/internal/english"
)

// benchOptions are the load generator's options.
type benchOptions struct {
	keyOptions
	servers  []benchServer
	rooms    benchRooms
	keys     []string // of the rooms, if there are several
	clients  int
	senders  int
	rate     int
	window   int
	warmup   time.Duration
	duration time.Duration
	pids     processList
	json     bool
	plot     string
}

// A benchFunc runs the load generator.
type benchFunc func(ctx context.Context, o benchOptions, p Process) error

const benchExamples = `  sop-chat bench --key-file key.txt --pid $(pidof sop-chat) localhost:9000
      shows how much a server delivers to 100 clients, and what that costs it;
      start it before with: sop-chat --max-clients 0 --key-file key.txt 9000

  sop-chat bench --key-file key.txt --rate 500 --plot plot.svg localhost:9000
      shows how long 500 messages a second take to arrive, and draws it

  sop-chat bench --rooms rooms.toml --clients 400 --senders 100 localhost:9000
      spreads 400 clients over the rooms of a server that was started with:
      sop-chat --rooms rooms.toml 9000

  sop-chat bench --key-file key.txt --pid 4711,4712 localhost:9000 :9001
      spreads 100 clients over two servers of a cluster, and checks that all of
      them receive the messages in one order

  sop-chat bench --key-file key.txt --senders 0 --pid 4711 ws://localhost:8080
      shows how much memory an idle browser costs process 4711, a server that
      was started with --web :8080`

const benchAbout = `
HOST:PORT is the server. The room should be empty and have a slot for each
client. Its key is given in a file (--key-file) or in the variable SOP_CHAT_KEY.

Several addresses are those of the servers of one cluster, which have the same
rooms. The clients, and among them those that send, are spread over the servers
in turns, and all that is checked has to hold across all of them.

With --rooms the clients, and among them those that send, are spread over many
rooms in turns; the figures are of all rooms together. FILE is the server's own
file of rooms, with their keys. With a number N the key has a %d in it, which stands
for the numbers from 1 to N: pw-%d is pw-1, pw-2 and so on.

ws://HOST:PORT is its page (--web), or the page's link without the key: clients
then join as browsers do, through WebSockets, and send one message in each
frame. Like the page they ask to be told the numbers of messages (the subprotocol
sop-chat.v2), and check those too, if the server agrees. TLS (wss://) is not
supported, because it would be measured as well. All servers of a cluster have
their page at the same path, and number the messages alike, which is checked.

Everything that is received is checked: that the messages are whole and
unchanged, that none is lost or comes twice, goes back to its sender or into
another room, and that all clients of a room receive them in one order. At the first fault the command says
what is wrong and ends with status 1.

With --rate, latency counts from the moment when a message was due, even if it
had to wait because the server was behind. Without --rate it counts from when
the message was sent: each sender has up to --window messages on their way.
Latency ends when the message has arrived at a client; on Linux the kernel
records when that is.

The generator uses one core, and shows how much of it. If that is all of it,
and the server is not fully used, the generator is what limits the result.`

// newBench returns the command that puts a server under load. It calls run.
func newBench(p Process, run benchFunc) *cobra.Command {
	var o benchOptions
	return newCommand(p, &cobra.Command{
		Use:               "bench [flags] HOST:PORT...|ws://HOST:PORT...",
		Short:             "Puts a server under load, checks it and measures it.",
		Long:              benchAbout,
		Example:           benchExamples,
		ValidArgsFunction: completeEach(completeBeginning("localhost:", "ws://")),
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
}

func (o *benchOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.clients, "clients", "N", "100", wholeNumber(1, 1_000_000),
		`How many clients there are.`)
	define(flags, &o.senders, "senders", "N", "10", wholeNumber(0, 1_000_000),
		`How many of the clients send. With 0 all are idle, and only their memory is measured (--pid).`)
	define(flags, &o.rooms, "rooms", "N|FILE", "", roomsOfBench,
		`Over which rooms the clients are spread: N rooms, whose keys have a number in the place of the `+
			`key's %d, or those of a file, which is the server's. Without it, all are in one.`)
	define(flags, &o.rate, "rate", "N", "0", wholeNumber(0, 100_000_000),
		`How many messages all senders together send a second. 0 is as many as the server takes.`)
	define(flags, &o.window, "window", "N", "256", wholeNumber(1, 1<<20),
		`How many messages of a sender may be on their way to some client, if there is no rate.`)
	define(flags, &o.duration, "duration", "D", "10s", duration,
		`How long to measure.`)
	define(flags, &o.warmup, "warmup", "D", "2s", durationOrNone,
		`How long to put the server under load before that.`)
	flags.Var(&o.pids, "pid",
		`The server's process on this machine (Linux only): shows its CPU time and its memory. `+
			`To measure the memory of clients, start the server just before. For several servers there is one `+
			`for each, in their order, separated by commas, or in a flag each; shown is what they need together, `+
			`and with --json also what each does.`)
	o.defineKeyFile(flags)
	define(flags, &o.json, "json", "", "false", truth,
		`Shows the result as a JSON object.`)
	define(flags, &o.plot, "plot", "FILE", "", anyText,
		`Draws latency over time into an SVG file.`)
}

// readArguments takes the addresses of servers, or of their WebSockets, and the key.
func (o *benchOptions) readArguments(cmd *cobra.Command, args []string, p Process) (err error) {
	if o.servers, err = readBenchServers(args); err != nil {
		return err
	}
	if n := len(o.pids.numbers); n > 0 && n != len(o.servers) {
		return usagef("--pid has %s for %s; give one for each", english.Count(n, "number"),
			english.Count(len(o.servers), "server"))
	}
	if err := o.readKey(cmd, p); err != nil {
		return err
	}
	if o.keys, err = o.rooms.keys(o.key, o.keyless); err != nil {
		return err
	}
	if o.plot != "" && o.senders == 0 {
		return usagef("there is no latency to plot without senders")
	}
	config := o.config()
	if err := config.Check(); err != nil {
		return usageError(err.Error())
	}
	return nil
}

func (o *benchOptions) config() bench.Config {
	dialect := bench.Chat(o.key)
	var servers []bench.Server
	for i, s := range o.servers {
		server := bench.Server{}
		if s.web {
			server.Host = s.webHost
			dialect.WebSocket = &bench.WebSocket{Path: s.path}
		}
		if len(o.pids.numbers) > 0 {
			server.PID = o.pids.numbers[i]
		}
		servers = append(servers, server)
	}
	var rooms []bench.Hello
	for _, key := range o.keys {
		rooms = append(rooms, bench.Chat(key).Hello)
	}
	return bench.Config{
		Servers:  servers,
		Dialect:  dialect,
		Rooms:    rooms,
		Clients:  o.clients,
		Senders:  o.senders,
		Rate:     o.rate,
		Window:   o.window,
		Warmup:   o.warmup,
		Duration: o.duration,
	}
}

// runBench runs the load generator and shows its report.
func runBench(ctx context.Context, o benchOptions, p Process) error {
	ctx, done := untilSignal(ctx, p, slog.New(slog.DiscardHandler), endSignals()...)
	defer done()
	config := o.config()
	for i, s := range o.servers {
		addrs, err := resolve(ctx, s.host)
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			config.Servers[i].Addrs = append(config.Servers[i].Addrs, netip.AddrPortFrom(addr, s.port))
		}
	}
	if err := o.checkPlot(); err != nil {
		return err
	}
	bar := newBar(p)
	config.Progress = func(p bench.Progress) { bar.show(describeProgress(p)) }
	report, err := bench.Run(ctx, config)
	bar.remove()
	if ctx.Err() != nil {
		return errors.New("interrupted before there was a result")
	}
	if err != nil {
		return o.explain(err)
	}
	return o.showReport(&checkedOutput{w: p.Stdout}, report)
}

// checkPlot returns an error if the plot can't be written, so that this is known
// before the run. It does not change a file that is there already.
func (o *benchOptions) checkPlot() error {
	if o.plot == "" {
		return nil
	}
	file, err := os.OpenFile(o.plot, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("the plot can't be written: %w", err)
	}
	return file.Close()
}

// explain adds to an error which of the server's flags help.
func (o *benchOptions) explain(err error) error {
	if refused, ok := errors.AsType[*bench.RefusedError](err); ok && refused.Joined > 0 {
		each := o.clients
		if n := len(o.keys); n > 0 {
			each = (o.clients + n - 1) / n
		}
		it := "it"
		if len(o.servers) > 1 {
			it = "all"
		}
		return fmt.Errorf("%w; start %s with --max-clients %d, or 0 for no limit", err, it, each)
	}
	return err
}

func (o *benchOptions) showReport(out io.Writer, report *bench.Report) error {
	if o.plot != "" {
		var svg bytes.Buffer
		report.Plot(&svg)
		if err := os.WriteFile(o.plot, svg.Bytes(), 0o644); err != nil {
			return fmt.Errorf("the plot can't be written: %w", err)
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(report)
	}
	_, err := io.WriteString(out, report.Table())
	return err
}
