package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"sop-chat/internal/netpoll"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
)

// Names by which a socket of systemd says what it is for (FileDescriptorName=).
const (
	plainSocket   = "plain"
	tlsSocket     = "tls"
	webSocket     = "web"
	acmeSocket    = "acme-http"
	metricsSocket = "metrics"
	adminName     = "admin"
)

var socketNames = []string{plainSocket, tlsSocket, webSocket, acmeSocket, metricsSocket, adminName}

// handedSockets are those that systemd has opened for the server, or that the program had
// whose place this one takes.
type handedSockets struct {
	waiting []systemd.Socket // for somebody to take them
	taken   []string         // what they are, in words
	ports   *ports           // that the server has then
}

func newHandedSockets(p Process) *handedSockets {
	h := &handedSockets{ports: new(ports)}
	if p.inherited != nil {
		h.waiting = p.inherited.sockets()
	}
	h.waiting = append(h.waiting, p.sockets...)
	return h
}

// take returns the sockets with a name, and those without one of ours that have a port.
func (h *handedSockets) take(name string, port uint16) (taken []systemd.Socket) {
	h.waiting = slices.DeleteFunc(h.waiting, func(s systemd.Socket) bool {
		isIt := s.Name == name
		if !slices.Contains(socketNames, s.Name) {
			at, err := netpoll.LocalAddr(s.FD)
			isIt = err == nil && at.Port() == port && port != 0
		}
		if isIt {
			taken = append(taken, s)
		}
		return isIt
	})
	return taken
}

// use has each socket with a name, or a port, used for that port, and returns the addresses
// that they have: none if there are no such sockets. what is the port in words, flag is what
// sets it.
func (h *handedSockets) use(name string, port uint16, flag, what string, use func(systemd.Socket) (netip.AddrPort, error)) (bound []netip.Addr, err error) {
	for _, s := range h.take(name, port) {
		at, err := use(s)
		if err != nil {
			return nil, fmt.Errorf("the socket %q of systemd: %w", s.Name, err)
		}
		if at.Port() != port {
			return nil, fmt.Errorf("the socket %q of systemd has port %d, and %s says %d; give both the same (ListenStream= of the socket's unit)",
				s.Name, at.Port(), flag, port)
		}
		bound = append(bound, at.Addr().Unmap())
	}
	if len(bound) > 0 {
		h.taken = append(h.taken, fmt.Sprintf("port %d%s", port, what))
	}
	return bound, nil
}

// announce returns a line that says which sockets come from systemd, if there are any.
func (h *handedSockets) announce() string {
	if len(h.taken) == 0 {
		return ""
	}
	return "sop-chat: opened by systemd: " + strings.Join(h.taken, ", ") + "\n"
}

// closeOthers closes the sockets that nobody has taken.
func (h *handedSockets) closeOthers(logger *slog.Logger) {
	for _, s := range h.waiting {
		at, _ := netpoll.LocalAddr(s.FD)
		logger.Warn("a socket of systemd is for nothing that this server does, and was closed", "name", s.Name, "address", at)
		netpoll.Close(s.FD)
	}
	h.waiting = nil
}

// listenPlain listens on PORT, unless that is left out, and returns the addresses.
func (h *handedSockets) listenPlain(ctx context.Context, o *serveOptions, s *server.Server) ([]netip.Addr, error) {
	if o.tls.noPlain {
		return nil, nil
	}
	var former []netip.Addr // that it has from the program before
	for _, at := range s.Addrs() {
		former = append(former, at.Addr())
	}
	bound, err := h.use(plainSocket, o.port, "PORT", "", func(handed systemd.Socket) (netip.AddrPort, error) { return s.Inherit(handed.FD) })
	if bound = append(former, bound...); err != nil || len(bound) > 0 {
		return bound, err
	}
	if bound, err = listenAll(ctx, o.bind, o.port, s.Listen); err != nil {
		return nil, err
	}
	if at := s.Addrs(); len(at) == 1 && at[0].Addr() == netip.IPv4Unspecified() {
		bound = []netip.Addr{at[0].Addr()} // there is no IPv6
	}
	return bound, nil
}

// listen listens at an address that a flag gives, and calls add for each listener, whose
// connections can be handed to the server.
func (h *handedSockets) listen(ctx context.Context, name string, at webAddress, what string, add func(net.Listener)) ([]netip.Addr, error) {
	bound, err := h.use(name, at.port, "--"+name, what, func(handed systemd.Socket) (netip.AddrPort, error) {
		l, at, err := inheritTCP(handed)
		if err == nil {
			add(h.ports.add(name, l))
		}
		return at, err
	})
	if err != nil || len(bound) > 0 {
		return bound, err
	}
	return listenAll(ctx, at.host, at.port, func(at netip.AddrPort) error {
		l, err := listenTCP(ctx, at)
		if err == nil {
			add(h.ports.add(name, l))
		}
		return err
	})
}

// listenHTTP is a listenHTTPFunc.
func (h *handedSockets) listenHTTP(ctx context.Context, at webAddress) (l net.Listener, err error) {
	bound, err := h.use(acmeSocket, at.port, "--acme-http", " for a CA", func(handed systemd.Socket) (netip.AddrPort, error) {
		if l != nil {
			return netip.AddrPort{}, errors.New("there is another socket for that")
		}
		var at netip.AddrPort
		var err error
		l, at, err = inheritTCP(handed)
		return at, err
	})
	if err == nil && len(bound) == 0 {
		l, err = listenHTTP(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	return h.ports.add(acmeSocket, l), nil
}

// inheritTCP returns a socket as listenTCP's listeners are, and its address.
func inheritTCP(s systemd.Socket) (net.Listener, netip.AddrPort, error) {
	file := os.NewFile(uintptr(s.FD), s.Name)
	defer file.Close() // the listener has a duplicate
	at, err := netpoll.Inherit(s.FD)
	if err != nil {
		return nil, at, err
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, at, err
	}
	if raw, ok := l.(*net.TCPListener); ok {
		if conn, err := raw.SyscallConn(); err == nil {
			netpoll.PrepareListener("", "", conn) // sets what the system has
		}
	}
	return l, at, nil
}
