package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sop-chat/internal/bench"
)

// speakNATS makes the clients those of NATS itself. If there is a stream, it has what is
// said, and publishes it again in its order; that is what the clients have subscribed to.
// So each message is delivered once it is stored and replicated, as in a cluster of
// sop-chat, by the cheapest way that NATS has: nothing is kept for a client, and one that
// misses a message gets it never.
func (f *fleet) speakNATS(ctx context.Context, s *setup) error {
	if f.dialect = natsDialect; s.replicas == 0 {
		return nil
	}
	f.dialect = streamDialect
	conn, js, err := connect(ctx, f.servers)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = makeStream(ctx, js, jetstream.StreamConfig{
		Name: "bench", Subjects: []string{"said"}, Replicas: s.replicas,
		RePublish: &jetstream.RePublish{Source: "said", Destination: "room"},
	})
	return err
}

// streamDialect has senders apart, since what a stream publishes again comes back to all.
// A connection without headers is spared those that the stream adds.
var streamDialect = bench.Dialect{
	Hello: func(_ string, receives bool) []byte {
		hello := `CONNECT {"verbose":false,"pedantic":false,"protocol":0,"headers":false}` + "\r\n"
		if receives {
			hello += "SUB room 1\r\n"
		}
		return []byte(hello + "PING\r\n")
	},
	Welcome: func(_, answer []byte) (bool, error) { return bytes.HasSuffix(answer, []byte("PONG\r\n")), nil },
	Publish: bench.Envelope{Before: "PUB said 512\r\n", After: "\r\n"},
	Deliver: bench.Envelope{Before: "MSG room 1 512\r\n", After: "\r\n"},
	Ignore:  []byte("PING\r\n"),
	Apart:   true,
}

// connect connects to servers of NATS.
func connect(ctx context.Context, servers []*process) (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect(urls(servers, 0))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
	}
	return conn, js, err
}

// makeStream makes a stream as a cluster of sop-chat has it, as soon as NATS can.
func makeStream(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (jetstream.Stream, error) {
	config.Storage, config.Discard, config.DenyDelete, config.DenyPurge = jetstream.FileStorage, jetstream.DiscardNew, true, true
	ctx, cancel := context.WithTimeout(ctx, fleetTimeout)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		one, end := context.WithTimeout(ctx, 5*time.Second)
		stream, err := js.CreateOrUpdateStream(one, config)
		end()
		if err == nil {
			return stream, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the stream can't be made: %w", err)
		case <-again.C:
		}
	}
}
