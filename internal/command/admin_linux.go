package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"sop-chat/internal/admin"
	"sop-chat/internal/netpoll"
)

// An adminSocket is where the server is administered; nil if it has none.
type adminSocket struct{ *admin.Socket }

// A leftSocket is what is known of the socket that the server had as another program.
type leftSocket struct {
	Path    string `json:"path"`
	Removed bool   `json:"removed"` // by this server, when it ends
}

// openAdmin opens the socket of --admin, or takes the one that is open.
func (o *serveOptions) openAdmin(p Process, handed *handedSockets, logger *slog.Logger) (adminSocket, error) {
	path := o.admin
	switch path {
	case adminOff:
		return adminSocket{}, nil
	case adminAuto:
		path = admin.Lookup(func(variable string) string {
			value, _ := p.LookupEnv(variable)
			return value
		}).Place(o.adminPort())
	}
	socket, err := handed.adminSocket(p.inherited, o.admin)
	if err != nil {
		return adminSocket{}, err
	}
	if socket == nil {
		if path == "" {
			return adminSocket{}, nil
		}
		socket, err = admin.Listen(path)
	}
	switch {
	case err == nil:
		socket.Through(func(l net.Listener) net.Listener { return handed.ports.add(adminName, l) })
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

// adminSocket returns the socket for operators that is open already, from systemd or from
// the program before; nil if there is none.
func (h *handedSockets) adminSocket(former *inheritance, flag string) (*admin.Socket, error) {
	taken := h.take(adminName, 0)
	if len(taken) == 0 {
		return nil, nil
	}
	for _, other := range taken[1:] {
		netpoll.Close(other.FD)
	}
	file := os.NewFile(uintptr(taken[0].FD), adminName)
	defer file.Close() // the listener has a duplicate
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("the socket %q of systemd: %w", adminName, err)
	}
	unix, is := l.(*net.UnixListener)
	if !is {
		l.Close()
		return nil, fmt.Errorf("the socket %q of systemd has the address %s, and is to be a Unix socket (ListenStream=/run/sop-chat-admin.sock)", adminName, l.Addr())
	}
	if former != nil && former.Admin.Path != "" {
		return admin.Inherit(unix, former.Admin.Path, former.Admin.Removed), nil
	}
	path := unix.Addr().String()
	if wanted, _ := filepath.Abs(flag); flag != adminAuto && wanted != path {
		l.Close()
		return nil, fmt.Errorf("the socket %q of systemd is at %s, and --admin says %s; give both the same (ListenStream= of the socket's unit)", adminName, path, flag)
	}
	h.taken = append(h.taken, path)
	return admin.Inherit(unix, path, false), nil
}

// left returns what the program that takes this one's place has to know.
func (s adminSocket) left() leftSocket {
	if s.Socket == nil {
		return leftSocket{}
	}
	return leftSocket{s.Path(), s.IsRemoved()}
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
