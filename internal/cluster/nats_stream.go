package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var _ Stream = (*NATS)(nil)

// Publish implements Stream. NATS refuses, too, while another publish on the subject is on its way to the
// replicas; which of both will be the last one is open then, so that is no ErrWrongLast.
func (n *NATS) Publish(ctx context.Context, subject string, last uint64, data []byte) (uint64, error) {
	ctx, cancel := n.within(ctx)
	defer cancel()
	began := time.Now()
	ack, err := n.js.PublishMsg(
		ctx, &nats.Msg{Subject: subject, Data: data},
		jetstream.WithExpectStream(n.config.Settings.Name),
		jetstream.WithExpectLastSequencePerSubject(last),
		jetstream.WithRetryAttempts(0),
	)
	var api *jetstream.APIError
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return 0, fmt.Errorf("%w (%w)", ErrWrongLast, err)
	}
	return 0, n.failure(ctx, began, err)
}

// Last implements Stream.
func (n *NATS) Last(ctx context.Context, subject string) (Message, error) {
	return n.get(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return n.stream.GetLastMsgForSubject(ctx, subject)
	})
}

// Next implements Stream.
func (n *NATS) Next(ctx context.Context, subject string, from uint64) (Message, error) {
	return n.get(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return n.stream.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(subject))
	})
}

func (n *NATS) get(ctx context.Context, ask func(context.Context) (*jetstream.RawStreamMsg, error)) (Message, error) {
	ctx, cancel := n.within(ctx)
	defer cancel()
	began := time.Now()
	m, err := ask(ctx)
	switch {
	case err == nil:
		return Message{Subject: m.Subject, Seq: m.Sequence, Time: m.Time, Data: m.Data}, nil
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Message{}, ErrNoMessage
	}
	return Message{}, n.failure(ctx, began, err)
}

// Info implements Stream. Its error is ErrNoStream, too, if the stream was deleted.
func (n *NATS) Info(ctx context.Context) (Info, error) {
	ctx, cancel := n.within(ctx)
	defer cancel()
	began := time.Now()
	s, err := n.js.Stream(ctx, n.config.Settings.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Info{}, fmt.Errorf("%w (%w)", ErrNoStream, err)
	}
	if err != nil {
		return Info{}, n.failure(ctx, began, err)
	}
	found := s.CachedInfo()
	info := Info{First: found.State.FirstSeq, Last: found.State.LastSeq, Created: found.Created, Keep: found.Config.MaxAge}
	if found.State.Msgs == 0 {
		info.First = info.Last + 1
	}
	return info, nil
}
