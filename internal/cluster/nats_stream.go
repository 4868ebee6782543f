package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(n.config.Settings.Name), jetstream.WithRetryAttempts(0)}
	if last != AnyLast {
		options = append(options, jetstream.WithExpectLastSequencePerSubject(last))
	}
	call := n.wait(ctx, publishing)
	ack, err := n.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, options...)
	var api *jetstream.APIError
	failed := call.done(err)
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return 0, fmt.Errorf("%w (%w)", ErrWrongLast, err)
	}
	return 0, failed
}

// Last implements Stream.
func (n *NATS) Last(ctx context.Context, subject string) (Message, error) {
	ctx, end := context.WithTimeout(ctx, infoWait)
	defer end()
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
	call := n.wait(ctx, asking)
	m, err := ask(ctx)
	failed := call.done(err)
	switch {
	case err == nil:
		return Message{Subject: m.Subject, Seq: m.Sequence, Time: m.Time, Data: m.Data}, nil
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Message{}, ErrNoMessage
	}
	return Message{}, failed
}

// Subjects implements Stream.
func (n *NATS) Subjects(ctx context.Context, pattern string) ([]string, error) {
	ctx, end := context.WithTimeout(ctx, infoWait)
	defer end()
	ctx, cancel := n.within(ctx)
	defer cancel()
	call := n.wait(ctx, asking)
	var found *jetstream.StreamInfo
	s, err := n.js.Stream(ctx, n.config.Settings.Name)
	if err == nil {
		found, err = s.Info(ctx, jetstream.WithSubjectFilter(pattern))
	}
	if failed := call.done(err); err != nil {
		return nil, failed
	}
	return slices.Collect(maps.Keys(found.State.Subjects)), nil
}

// infoWait is how long it may take until a server says what the stream is, or what is last there, for
// which it need not search. What was asked while there was no leader is never answered, so it is soon asked again.
const infoWait = 2 * time.Second

// Info implements Stream. Its error is ErrNoStream, too, if the stream was deleted.
func (n *NATS) Info(ctx context.Context) (Info, error) {
	ctx, end := context.WithTimeout(ctx, infoWait)
	defer end()
	ctx, cancel := n.within(ctx)
	defer cancel()
	call := n.wait(ctx, asking)
	s, err := n.js.Stream(ctx, n.config.Settings.Name)
	failed := call.done(err)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Info{}, fmt.Errorf("%w (%w)", ErrNoStream, err)
	}
	if err != nil {
		return Info{}, failed
	}
	found := s.CachedInfo()
	info := Info{First: found.State.FirstSeq, Last: found.State.LastSeq, Created: found.Created, Keep: found.Config.MaxAge}
	if found.State.Msgs == 0 {
		info.First = info.Last + 1
	}
	return info, nil
}
