package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"

	"sop-chat/internal/bench"
)

// redisServer is the installed Redis, without persistence: one channel to which
// all clients have subscribed. See
// https://redis.io/docs/latest/develop/reference/protocol-spec.
func redisServer(ctx context.Context, _ options, _ string) (server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return server{}, fmt.Errorf("redis-server is %w (Debian: apt-get install redis-server)", errNotThere)
	}
	return server{
		version: version(ctx, binary),
		dialect: redis,
		command: func(port, _ int) []string {
			return []string{
				binary, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
				"--maxclients", "19000", "--client-output-buffer-limit", "pubsub 0 0 0",
			}
		},
	}, nil
}

// A connection that has subscribed can't publish, so publishers have connections
// of their own. They receive the answers to PUBLISH.
var redis = bench.Dialect{
	Hello: func(_ string, receives bool) []byte {
		if receives {
			return []byte("*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nroom\r\n")
		}
		return []byte("*1\r\n$4\r\nPING\r\n")
	},
	Welcome: func(_, answer []byte) (bool, error) {
		if bytes.HasPrefix(answer, []byte("-")) {
			return false, fmt.Errorf("the server says %q", answer)
		}
		return bytes.HasSuffix(answer, []byte(":1\r\n")) || bytes.HasSuffix(answer, []byte("+PONG\r\n")), nil
	},
	Publish: bench.Envelope{Before: "*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n$512\r\n", After: "\r\n"},
	Deliver: bench.Envelope{Before: "*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$512\r\n", After: "\r\n"},
	Apart:   true,
}
