package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A reader asks a consumer of its own for messages, by pulls of which one is under way at a
// time. So what is on its way or waits here is at most what a pull may bring, and the channel has
// space for all of it: nothing is ever dropped for lack of space, as the library's own iterators
// may do.
const (
	pullMessages  = 256
	pullBytes     = 8 << 20 // more than MaxBatch, or nothing would come
	pullFor       = 30 * time.Second
	pullHeartbeat = time.Second // two and a half without one, and a reader fails

	consumerKept = 60 * time.Second // by NATS, for a reader that is gone
	consumerWait = 3 * time.Second  // until it is made
)

type natsReader struct {
	n        *NATS
	ctx      context.Context // ends with the context of Read, with Close, and with the connection
	cancel   context.CancelFunc
	consumer string
	next     string // the subject of pulls
	inbox    string
	sub      *nats.Subscription
	messages chan *nats.Msg
	silence  time.Duration // after which it fails
	timer    *time.Timer

	pulls  uint64 // the number of the last one
	coming int    // how many messages it may still bring; 0 if it has ended
	last   uint64 // sequence of the last message in the stream
	behind int    // heartbeats in a row at which the stream had more, and nothing came
}

// Read implements Stream. Its messages come from one consumer in the memory of one server, which is
// forgotten when that server ends; then Next returns an error.
func (n *NATS) Read(ctx context.Context, from uint64) (Reader, error) {
	ctx, cancel := n.within(ctx)
	from = max(from, 1)
	limited, end := context.WithTimeout(ctx, consumerWait)
	defer end()
	call := n.wait(limited, asking)
	c, err := n.js.CreateConsumer(limited, n.config.Settings.Name, jetstream.ConsumerConfig{
		Description:       n.config.Label,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerKept,
		MemoryStorage:     true,
		Replicas:          1,
	})
	failed := call.done(err)
	if err != nil {
		cancel()
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil, fmt.Errorf("%w (%w)", ErrNoStream, err)
		}
		return nil, failed
	}
	name := c.CachedInfo().Name
	r := &natsReader{
		n: n, ctx: ctx, cancel: cancel, last: from - 1,
		consumer: n.config.Settings.Name + "." + name,
		next:     jetstream.DefaultAPIPrefix + "CONSUMER.MSG.NEXT." + n.config.Settings.Name + "." + name,
		inbox:    n.conn.NewInbox(),
		messages: make(chan *nats.Msg, pullMessages+int(pullFor/n.heartbeat)+2), // heartbeats, and what ends a pull
		silence:  n.heartbeat * 5 / 2,
		timer:    time.NewTimer(0),
	}
	r.sub, err = n.conn.ChanSubscribe(r.inbox+".*", r.messages)
	if err != nil {
		r.Close()
		return nil, readable(err)
	}
	return r, nil
}

// Next implements Reader.
func (r *natsReader) Next(ctx context.Context) (Message, error) {
	for {
		if r.coming == 0 {
			if err := r.pull(); err != nil {
				return Message{}, readable(err)
			}
		}
		select {
		case m := <-r.messages:
			message, err := r.take(m)
			if err != nil || message.Seq != 0 {
				return message, err
			}
			continue
		default:
		}
		r.timer.Reset(r.silence)
		select {
		case m := <-r.messages:
			message, err := r.take(m)
			if err != nil || message.Seq != 0 {
				return message, err
			}
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		case <-r.ctx.Done():
			return Message{}, context.Cause(r.ctx)
		case <-r.timer.C:
			return Message{}, fmt.Errorf("%w for %v", ErrSilent, r.silence)
		}
	}
}

// pull asks for the next messages.
func (r *natsReader) pull() error {
	request, err := json.Marshal(struct {
		Batch     int           `json:"batch"`
		MaxBytes  int           `json:"max_bytes"`
		Expires   time.Duration `json:"expires"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{pullMessages, pullBytes, pullFor, r.n.heartbeat})
	if err != nil {
		return err
	}
	r.pulls++
	r.coming = pullMessages
	return r.n.conn.PublishRequest(r.next, r.reply(), request)
}

// reply returns the subject on which what is said about the pull under way arrives.
func (r *natsReader) reply() string { return r.inbox + "." + strconv.FormatUint(r.pulls, 10) }

// take returns the message of the stream in what arrived, or one with Seq 0 if it was
// something else.
func (r *natsReader) take(m *nats.Msg) (Message, error) {
	if m.Reply == "" {
		return Message{}, r.status(m)
	}
	about, err := m.Metadata()
	if err != nil {
		return Message{}, fmt.Errorf("a message of the stream: %w", err)
	}
	r.coming--
	r.behind = 0
	r.last = about.Sequence.Stream
	return Message{Subject: m.Subject, Seq: r.last, Time: about.Timestamp, Data: m.Data}, nil
}

// status acts on what the consumer says beside messages: that it is there, that a pull has ended, or
// that it will answer no more.
func (r *natsReader) status(m *nats.Msg) error {
	status, text := m.Header.Get("Status"), m.Header.Get("Description")
	switch {
	case m.Subject != r.reply():
		return nil // about a pull that has ended
	case status == "100":
		return r.check()
	case status == "503":
		return ErrNoStream
	case status == "404", status == "408", status == "409" && (text == "Batch Completed" || text == "Message Size Exceeds MaxBytes"):
		r.coming = 0
		return nil
	}
	return fmt.Errorf("reading the stream: NATS says %s %s", status, text)
}

// check asks the leader of the stream whether there are messages that should have come. One that
// was lost on its way is noticed only when the next one comes, which may be in hours; and a consumer
// may be on a server that is cut off from the others, or has yet to hear from them.
func (r *natsReader) check() error {
	info, err := r.n.Info(r.ctx)
	switch {
	case err != nil:
		return err
	case info.Last <= r.last:
		r.behind = 0
		return nil
	}
	r.behind++
	if r.behind > 1 && len(r.messages) == 0 {
		return fmt.Errorf("%w: the last one was %d, and the stream has %d", ErrMissed, r.last, info.Last)
	}
	return nil
}

// Close implements Reader.
func (r *natsReader) Close() {
	r.cancel()
	r.timer.Stop()
	if r.sub == nil {
		return
	}
	// If one of these is not done, NATS does it in a while.
	_ = r.sub.Unsubscribe()
	_ = r.n.conn.PublishRequest(jetstream.DefaultAPIPrefix+"CONSUMER.DELETE."+r.consumer, r.inbox, nil)
}
