// The sop-nats command runs a server of NATS with JetStream, or one of three, so that a cluster of
// chat servers can be tried on one machine without installing anything. It is a program of its
// own, since nobody else needs what it takes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sop-nats:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then until all is on the disk.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	settings, err := parse(args, stderr)
	if err != nil {
		return err
	}
	options, err := settings.options()
	if err != nil {
		return err
	}
	return serve(ctx, options, settings, stdout, stderr)
}
