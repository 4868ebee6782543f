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
)

// benchOptions is what the load generator was told.
type benchOptions struct {
	roomOptions
	web      *bench.WebSocket // or nil: then it is TCP
	clients  int
	senders  int
	rate     int
	window   int
	warmup   time.Duration
	duration time.Duration
	pid      int
	json     bool
	plot     string
}

// A benchFunc does what the options say.
type benchFunc func(ctx context.Context, o benchOptions, p Process) error

const benchExamples = `  sop-chat bench --key-file key.txt --pid $(pidof sop-chat) localhost:9000
      shows how much a server delivers to 100 clients, and what that costs it;
      start it before with: sop-chat --max-clients 0 --key-file key.txt 9000

  sop-chat bench --key-file key.txt --rate 500 --plot plot.svg localhost:9000
      shows how long 500 messages a second take to arrive, and draws it

  sop-chat bench --key-file key.txt --senders 0 --pid 4711 ws://localhost:8080
      shows how much memory an idle browser costs process 4711, a server that
      was started with --web :8080`

const benchAbout = `
HOST:PORT is the server. The room should be empty, have a place for each
client, and its key is given in a file (--key-file) or in the variable
SOP_CHAT_KEY.

ws://HOST:PORT is its page (--web), or the page's link without the key: clients
then join as browsers do, through WebSockets, and send a message a frame. There
is no TLS (wss://), because that would be measured as well.

Everything that is received is checked: that the messages are whole and
unchanged, that none is lost or comes twice or goes back to its sender, and
that all clients receive them in one order. At the first mistake the command
says what is wrong and ends with status 1.

With --rate, latency counts from the moment a message was to be sent, even if
it had to wait because the server was behind. Without, it counts from when it
was sent: each sender keeps as many messages on their way as --window says.
It ends when the message has arrived at a client; on Linux the kernel notes
when that is.

The generator works on one core. How much of it is used is shown; if it is all
of it, and the server has some left, what is measured is the generator.`

// newBench returns the command that puts a server under load, by way of run.
func newBench(p Process, run benchFunc) *cobra.Command {
	var o benchOptions
	return newCommand(p, &cobra.Command{
		Use:     "bench [flags] HOST:PORT|ws://HOST:PORT",
		Short:   "Puts a server under load, checks it and measures it.",
		Long:    benchAbout,
		Example: benchExamples,
	}, &o, func(ctx context.Context) error { return run(ctx, o, p) })
}

func (o *benchOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.clients, "clients", "N", "100", wholeNumber(1, 1_000_000),
		`How many clients there are.`)
	define(flags, &o.senders, "senders", "N", "10", wholeNumber(0, 1_000_000),
		`How many of the clients send. With 0 all are idle, and only their memory is measured (--pid).`)
	define(flags, &o.rate, "rate", "N", "0", wholeNumber(0, 100_000_000),
		`How many messages are sent a second, by all senders together. 0 is as many as the server takes.`)
	define(flags, &o.window, "window", "N", "256", wholeNumber(1, 1<<20),
		`How many messages of a sender may be on their way to some client, if there is no rate.`)
	define(flags, &o.duration, "duration", "D", "10s", duration,
		`For how long is measured.`)
	define(flags, &o.warmup, "warmup", "D", "2s", durationOrNone,
		`For how long there is load before that.`)
	define(flags, &o.pid, "pid", "N", "", processID,
		`The server's process on this machine (Linux only): shows its CPU time and its memory. `+
			`For the memory of clients, it should have been started anew.`)
	o.defineKeyFile(flags)
	define(flags, &o.json, "json", "", "false", truth,
		`Shows the result as a JSON object.`)
	define(flags, &o.plot, "plot", "FILE", "", anyText,
		`Draws latency over time into an SVG file.`)
}

// processID reads the number of a process, or nothing.
func processID(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	return wholeNumber(1, 1<<22)(text)
}

// readArguments takes HOST:PORT, or the address of a WebSocket, and the key.
func (o *benchOptions) readArguments(cmd *cobra.Command, args []string, p Process) (err error) {
	if len(args) == 1 {
		if args[0], o.web, err = webSocketOf(args[0]); err != nil {
			return err
		}
	}
	if err := o.roomOptions.readArguments(cmd, args, p); err != nil {
		return err
	}
	if o.keyless {
		return errNoKey
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
	dialect.WebSocket = o.web
	return bench.Config{
		Dialect:  dialect,
		Clients:  o.clients,
		Senders:  o.senders,
		Rate:     o.rate,
		Window:   o.window,
		Warmup:   o.warmup,
		Duration: o.duration,
		PID:      o.pid,
	}
}

// runBench runs the load generator and shows what it has found.
func runBench(ctx context.Context, o benchOptions, p Process) error {
	ctx, done := untilSignal(ctx, p, slog.New(slog.DiscardHandler), endings()...)
	defer done()
	addrs, err := resolve(ctx, o.host)
	if err != nil {
		return err
	}
	config := o.config()
	for _, addr := range addrs {
		config.Addrs = append(config.Addrs, netip.AddrPortFrom(addr, o.port))
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

// checkPlot reports now, and not only when all is done, that the plot can't be
// written. One that is there already is left as it is.
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

// explain adds what the server's flags can do about an error.
func (o *benchOptions) explain(err error) error {
	if refused, ok := errors.AsType[*bench.RefusedError](err); ok && refused.Joined > 0 {
		return fmt.Errorf("%w; start it with --max-clients %d, or 0 for no limit", err, o.clients)
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
