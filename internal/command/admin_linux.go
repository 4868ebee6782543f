package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"sop-chat/internal/admin"
)

// An adminSocket is where the server is administered; nil if it has none.
type adminSocket struct{ *admin.Socket }

// openAdmin opens the socket of --admin.
func (o *serveOptions) openAdmin(p Process, logger *slog.Logger) (adminSocket, error) {
	path := o.admin
	switch path {
	case adminOff:
		return adminSocket{}, nil
	case adminAuto:
		path = admin.Lookup(func(variable string) string {
			value, _ := p.LookupEnv(variable)
			return value
		}).Place(o.adminPort())
		if path == "" {
			return adminSocket{}, nil
		}
	}
	socket, err := admin.Listen(path)
	switch {
	case err == nil:
		return adminSocket{socket}, nil
	case o.admin != adminAuto:
		return adminSocket{}, fmt.Errorf("the socket of --admin can't be opened: %w", err)
	}
	level := slog.LevelDebug // as where nothing can be written
	if _, isInUse := errors.AsType[*admin.InUseError](err); isInUse {
		level = slog.LevelWarn
	}
	logger.Log(context.Background(), level, "the server can't be administered by 'sop-chat admin'", "reason", err)
	return adminSocket{}, nil
}

// serve has an operator do what is asked for at the socket. stop ends that.
func (s adminSocket) serve(ctx context.Context, a *operator, logger *slog.Logger) (stop func()) {
	if s.Socket == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.Serve(ctx, a.do, logger) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (s adminSocket) close() {
	if s.Socket != nil {
		s.Close()
	}
}
