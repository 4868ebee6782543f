//go:build !linux

package command

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"runtime"
	"syscall"
)

func serve(context.Context, serveOptions, Process, <-chan struct{}, *slog.Logger) error {
	return errNotLinux()
}

func checkHandover(context.Context, serveOptions, Process) error { return errNotLinux() }

func errNotLinux() error {
	return fmt.Errorf("the server needs Linux (epoll); this is %s", runtime.GOOS)
}

func (o *serveOptions) checkDescriptors() error { return nil }

type (
	inheritance    struct{}
	managerSockets struct{}
)

func (p *Process) inherit(*serveOptions, *slog.Logger) error {
	p.ignoresHangup = signal.Ignored(syscall.SIGHUP)
	return nil
}
