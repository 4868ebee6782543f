package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a NATS that say why the outcome of a call is unknown. They are for people to read:
// what is to be done about all of them is to find out, and to try again.
var (
	// ErrAway says that there is no connection to NATS, or that it was lost before the answer.
	ErrAway = errors.New("there is no connection to NATS")
	// ErrNoStream says that no server answers for the stream: it has no leader, or was deleted.
	ErrNoStream = errors.New("the stream does not answer: most of its replicas are away, or it was deleted")
	// ErrFull says that the stream, its account or the disk has no space for more.
	ErrFull = errors.New("the stream is full")
	// ErrNotPermitted says that the account may not do it.
	ErrNotPermitted = errors.New("NATS does not permit it")
	// ErrReplicas says that NATS has fewer servers than the stream is to have replicas.
	ErrReplicas = errors.New("NATS has fewer servers than the stream is to have replicas")
	// ErrSilent says that a reader has heard nothing from the stream for some seconds.
	ErrSilent = errors.New("the stream has been silent")
	// ErrMissed says that the stream has messages that a reader did not get.
	ErrMissed = errors.New("messages of the stream did not arrive")
)

// Codes of errors that the library has no names for, from errors.json of nats-server.
const (
	codeClusterNotAvailable   = 10008
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077
	codeAccountExceeded       = 10002
	codeReplicasNotSupported  = 10074
	codeNoSuitablePeers       = 10005
)

// readable returns an error of the library with what is to be done about it.
func readable(err error) error {
	var api jetstream.JetStreamError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("NATS refuses user, password or credentials (%w)", err)
	case errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: %w", ErrNotPermitted, err)
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		return fmt.Errorf("%w (%w)", ErrAway, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w (%w)", ErrNoStream, err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("this account of NATS has no JetStream; add jetstream: enabled to it (%w)", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fmt.Errorf("this server of NATS has no JetStream, or its cluster has no leader; it is enabled by jetstream { store_dir: … } (%w)", err)
	case errors.As(err, &api) && api.APIError() != nil:
		switch api.APIError().ErrorCode {
		case codeStoreFailed, codeStorageExceeded, codeInsufficientResources, codeAccountExceeded:
			return fmt.Errorf("%w (%w)", ErrFull, err)
		case codeReplicasNotSupported, codeNoSuitablePeers:
			return fmt.Errorf("%w (%w)", ErrReplicas, err)
		case codeClusterNotAvailable:
			return fmt.Errorf("JetStream has no leader yet: most of its servers are away (%w)", err)
		}
	}
	return err
}

// failure returns the error of a call under a context of within that began at a time.
func (n *NATS) failure(ctx context.Context, began time.Time, err error) error {
	if ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		return readable(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refused.err != nil && !n.refused.at.Before(began) {
		return fmt.Errorf("%w: %w", ErrNotPermitted, n.refused.err)
	}
	return cmp.Or(context.Cause(ctx), err)
}
