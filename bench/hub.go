package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// hubServer is a chat server as in textbooks, see hub.
func hubServer(ctx context.Context, o options, folder string) (server, error) {
	binary := filepath.Join(folder, "hub")
	if err := build(ctx, ".", binary, "./hub"); err != nil {
		return server{}, err
	}
	return server{
		version: version(ctx, binary),
		dialect: o.chat(),
		command: func(port, _ int) []string {
			return []string{binary, fmt.Sprintf("127.0.0.1:%d", port), key}
		},
	}, nil
}
