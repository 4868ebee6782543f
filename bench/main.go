// Bench compares chat servers: it gives each the same work, round by round,
// and prints one table.
//
// It is a module of its own, so that users of sop-chat carry nothing of
// the servers that it is compared with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Options are the options of the command line.
type options struct {
	clients, senders int
	window           int
	rate             int
	idle             int
	warmup, duration time.Duration
	rounds           int
	reference        string
	only             string
	sopChat, sopNATS string
	growth           string
	web              bool
	cluster, ingest  bool
	rooms            int
	others           others
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sop-chat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.ingest {
		return measureIngest(ctx, o, folder, stdout, stderr)
	}
	if o.cluster {
		return measureCluster(ctx, o, folder, stdout, stderr)
	}
	servers, err := prepare(ctx, o, folder, stderr)
	if err != nil {
		return err
	}
	if o.growth != "" {
		return measureGrowth(ctx, o, servers, o.growth, stdout, stderr)
	}
	results, err := compare(ctx, o, servers, stderr)
	if err != nil {
		return err
	}
	return printTable(stdout, o, results)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.clients, "clients", 100, "how many clients there are")
	flags.IntVar(&o.senders, "senders", 10, "how many of them send")
	flags.IntVar(&o.window, "window", 256, "flat out: how many messages of a sender are on their way at most")
	flags.IntVar(&o.rate, "rate", 500, "for latency: how many messages are sent a second, by all together")
	flags.IntVar(&o.idle, "idle", 5000, "for memory: how many clients are connected and do nothing")
	flags.DurationVar(&o.warmup, "warmup", time.Second, "for how long there is load before it is measured")
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "for how long it is measured")
	flags.IntVar(&o.rounds, "rounds", 3, "how often all servers take their turn; the table shows medians")
	flags.StringVar(&o.reference, "reference", "sop-chat", "the server that the others are compared with")
	flags.StringVar(&o.only, "only", "", "names of the servers to compare, with commas between them; all if empty")
	flags.StringVar(&o.sopChat, "sop-chat", "", "the sop-chat to run; built from .. if empty")
	flags.StringVar(&o.sopNATS, "sop-nats", "", "with --cluster or --ingest: the sop-nats to run; built from .. if empty")
	flags.StringVar(&o.growth, "growth", "", "instead of the table: measures what a delivery and an idle client cost, "+
		"from 10 clients to as many thousands as the limit on open files allows, and draws it into this folder")
	flags.BoolVar(&o.web, "web", false, "over WebSockets instead of TCP")
	flags.BoolVar(&o.cluster, "cluster", false, "instead of the table: one to three sop-chat servers as one chat on one or three of NATS, "+
		"beside one alone and beside NATS doing the fan-out itself")
	flags.IntVar(&o.rooms, "rooms", 1, "with --cluster: how many rooms the clients are spread over; of NATS itself nothing is measured then")
	flags.BoolVar(&o.ingest, "ingest", false, "instead of the table: ways to publish to a stream of NATS: that of a cluster, fast ingest, and atomic batches")
	flags.Var(&o.others, "server", "another server that speaks sop-chat's protocol on 127.0.0.1, as "+
		"'name=command line with {port} and {key}'; can be given several times. With --web, {port} is that of the "+
		"WebSocket at /ws, and {other} one more that is free")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is one argument too many", flags.Arg(0))
	case o.rounds < 1 || o.rate < 1 || o.senders < 1:
		return o, errors.New("--rounds, --rate and --senders must be at least 1")
	case o.rooms < 1 || o.rooms > 1 && !o.cluster:
		return o, errors.New("--rooms is at least 1, and needs --cluster if it is more")
	case o.cluster && (o.web || o.growth != "" || len(o.others) > 0):
		return o, errors.New("--cluster has servers of its own; leave out --web, --growth and --server")
	case o.web && o.growth != "":
		return o, errors.New("--growth is measured over TCP; leave out --web")
	}
	return o, nil
}

// chosen reports whether a server is to be compared.
func (o *options) chosen(name string) bool {
	if o.only == "" {
		return true
	}
	for only := range strings.SplitSeq(o.only, ",") {
		if strings.TrimSpace(only) == name {
			return true
		}
	}
	return false
}
