package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How a stream is waited for at the start.
const (
	tryEvery    = time.Second
	reportEvery = 10 * time.Second
	callWait    = 5 * time.Second
)

// OpenNATS connects to NATS, and makes the stream if there is none. It tries until ctx
// ends: NATS may be started at the same time, and its cluster takes seconds to find a leader.
// What is missing is reported when it changes, and every ten seconds. If there is a stream with which
// there can't be a cluster, it returns at once. Other differences are in Warnings.
func OpenNATS(ctx context.Context, config NATSConfig, report func(missing error)) (*NATS, error) {
	if err := config.Settings.Check(); err != nil {
		return nil, err
	}
	if _, err := config.normalized(); err != nil {
		return nil, err
	}
	var shown string
	var at time.Time
	var n *NATS
	for {
		var err error
		if n == nil {
			n, err = dial(config)
		}
		if err == nil {
			err = n.open(ctx)
		}
		var unfit unfitError
		switch {
		case err == nil:
			return n, nil
		case ctx.Err() != nil || errors.As(err, &unfit):
			if n != nil {
				n.Close()
			}
			return nil, err
		}
		if err.Error() != shown || time.Since(at) >= reportEvery {
			shown, at = err.Error(), time.Now()
			report(err)
		}
		select {
		case <-ctx.Done():
			if n != nil {
				n.Close()
			}
			return nil, err
		case <-time.After(tryEvery):
		}
	}
}

// An unfitError says that the stream has settings with which there can be no cluster.
type unfitError struct{ error }

func (e unfitError) Unwrap() error { return e.error }

// open finds or makes the stream.
func (n *NATS) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	ctx, done := n.within(ctx)
	defer done()
	settings := n.config.Settings
	call := n.wait(ctx, asking)
	asked, end := context.WithTimeout(ctx, infoWait)
	defer end()
	s, err := n.js.Stream(asked, settings.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = n.js.CreateStream(ctx, settings.config())
	}
	if errors.Is(err, nats.ErrNoResponders) {
		err = jetstream.ErrJetStreamNotEnabled
	}
	if err := call.done(err); err != nil {
		return fmt.Errorf("the stream %s: %w", settings.Name, err)
	}
	differences := settings.compare(s.CachedInfo().Config)
	if err := fatal(differences); err != nil {
		return unfitError{err}
	}
	n.stream, n.warnings = s, harmless(differences)
	return nil
}

// Warnings returns the settings of the stream that are not as wished for, and with which there can be a
// cluster.
func (n *NATS) Warnings() []Difference { return n.warnings }
