package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"sop-chat/internal/bench"
)

// natsServer is the version of NATS in go.mod, with its core only: one subject to
// which all clients have subscribed. See
// https://docs.nats.io/reference/reference-protocols/nats-protocol.
func natsServer(ctx context.Context, o options, folder string) (server, error) {
	binary := filepath.Join(folder, "nats-server")
	if err := build(ctx, ".", binary, "github.com/nats-io/nats-server/v2"); err != nil {
		return server{}, err
	}
	// After its first PING, which is not answered, it should not ask again.
	text := `ping_interval: "1h"` + "\n"
	dialect := natsDialect
	if o.web {
		text += natsWebSocket
		dialect = overNATSWebSocket()
	}
	config, err := writeConfig(folder, "nats.conf", text)
	if err != nil {
		return server{}, err
	}
	return server{
		version: version(ctx, binary),
		dialect: dialect,
		command: func(port, other int) []string {
			words := []string{binary, "--addr", "127.0.0.1", "--port", strconv.Itoa(port), "--config", config}
			if o.web { // whose port only the configuration can say
				words[4] = strconv.Itoa(other)
				words = append([]string{"env", fmt.Sprintf("WEB_PORT=%d", port)}, words...)
			}
			return words
		},
	}, nil
}

// See https://docs.nats.io/running-a-nats-service/configuration/websocket/websocket_conf.
const natsWebSocket = "websocket { host: 127.0.0.1, port: $WEB_PORT, no_tls: true }\n"

// overNATSWebSocket returns the same dialect through WebSockets, whose frames are
// pieces of a stream.
func overNATSWebSocket() bench.Dialect {
	d := natsDialect
	d.WebSocket = &bench.WebSocket{Path: "/"}
	return d
}

// With protocol 0 it sends INFO only once.
var natsDialect = bench.Dialect{
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
