package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"

	"sop-chat/internal/bench"
)

// natsServer is the server that go.mod names, with nothing but its core: one
// subject that everyone has subscribed to. See
// https://docs.nats.io/reference/reference-protocols/nats-protocol.
func natsServer(ctx context.Context, _ options, folder string) (server, error) {
	binary := filepath.Join(folder, "nats-server")
	if err := build(ctx, ".", binary, "github.com/nats-io/nats-server/v2"); err != nil {
		return server{}, err
	}
	// After its first PING, which is not answered, it should not ask again.
	config, err := writeConfig(folder, "nats.conf", `ping_interval: "1h"`+"\n")
	if err != nil {
		return server{}, err
	}
	return server{
		version: version(ctx, binary),
		dialect: nats,
		command: func(port int) []string {
			return []string{binary, "--addr", "127.0.0.1", "--port", strconv.Itoa(port), "--config", config}
		},
	}, nil
}

// With protocol 0 it sends INFO only once.
var nats = bench.Dialect{
	Hello: func(string, bool) []byte {
		return []byte(`CONNECT {"verbose":false,"pedantic":false,"protocol":0,"echo":false}` + "\r\nSUB room 1\r\nPING\r\n")
	},
	Welcome: func(_, answer []byte) (bool, error) { // INFO, then PONG
		return bytes.HasSuffix(answer, []byte("PONG\r\n")), nil
	},
	Publish:  bench.Envelope{Before: "PUB room 512\r\n", After: "\r\n"},
	Deliver:  bench.Envelope{Before: "MSG room 1 512\r\n", After: "\r\n"},
	Ignore:   []byte("PING\r\n"),
	AnyOrder: true, // of different publishers, it promises none
}
