//go:build linux

package terminal

import (
	"context"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

func startServer(t testing.TB) *chattest.Server {
	t.Helper()
	return chattest.Start(t, server.Config{})
}

// dialer returns a Dial that joins a server with a name.
func dialer(addr, name string) Dial {
	return func(ctx context.Context, options ...client.Option) (*client.Client, error) {
		return client.Dial(ctx, addr, name, chattest.Key, options...)
	}
}

func dial(t testing.TB, d Dial) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	c, err := d(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
