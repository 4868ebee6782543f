package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startWait bounds how long a server may take until it listens; it first reads what is stored.
const startWait = time.Minute

// serve runs the server until ctx ends. Then it gives up its leaderships, writes what is to be written,
// and returns.
func serve(ctx context.Context, options *server.Options, settings settings, stdout, stderr io.Writer) error {
	s, err := server.NewServer(options)
	if err != nil {
		return err
	}
	s.SetLoggerV2(logger{log.New(stderr, "", log.LstdFlags), settings.verbose}, false, false, false)
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	if !s.ReadyForConnections(startWait) {
		return fmt.Errorf("%s does not listen after %v", settings.listen, startWait)
	}
	fmt.Fprintf(stdout, "NATS with JetStream is at nats://%s, and stores in %s.\n", s.Addr(), options.StoreDir)
	fmt.Fprint(stdout, advice(s.Addr().String(), len(options.Routes)))
	ended := make(chan struct{})
	go func() {
		s.WaitForShutdown()
		close(ended)
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		return errors.New("NATS has ended by itself")
	}
}

// advice returns how chat servers find the server.
func advice(address string, peers int) string {
	var more string
	if peers > 1 {
		address, more = address+",…", fmt.Sprintf(" --cluster-replicas %d", peers)
	}
	return fmt.Sprintf("Chat servers, each with a port of its own: sop-chat 9000 KEY --cluster nats://%s%s\n", address, more)
}

// A logger shows what NATS logs: warnings and errors, or all.
type logger struct {
	*log.Logger
	verbose bool
}

func (l logger) show(kind, format string, v []any) {
	l.Printf("%s %s", kind, strings.TrimSpace(fmt.Sprintf(format, v...)))
}

func (l logger) Noticef(format string, v ...any) {
	if l.verbose {
		l.show("info", format, v)
	}
}
func (l logger) Warnf(format string, v ...any)  { l.show("warning", format, v) }
func (l logger) Errorf(format string, v ...any) { l.show("error", format, v) }

// Fatalf replaces that of log, after which nothing would be written any more.
func (l logger) Fatalf(format string, v ...any) { l.show("error", format, v) }
func (l logger) Debugf(string, ...any)          {}
func (l logger) Tracef(string, ...any)          {}
