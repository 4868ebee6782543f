//go:build !linux

package command

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
)

func serve(context.Context, serveOptions, Process, <-chan struct{}, *slog.Logger) error {
	return fmt.Errorf("the server needs Linux (epoll); this is %s", runtime.GOOS)
}

func (o *serveOptions) checkDescriptors() error { return nil }
