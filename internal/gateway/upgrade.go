//go:build linux

package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/limit"
	"sop-chat/internal/websocket"
)

// answerTimeout is how long the answer to a browser may take. It is short, so an empty
// socket takes it at once.
const answerTimeout = 5 * time.Second

// ServeHTTP opens a WebSocket (RFC 6455, section 4.2) on a request to a server of
// Limit, and hands it to the chat server.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accept, err := g.check(r)
	var since Since
	if err == nil {
		since, err = sinceOf(r)
	}
	if err != nil {
		g.LogRefusal(r, err)
		g.refuse(w, err)
		return
	}
	if refusal := g.mayConnect(r); refusal != nil {
		g.RefuseAddress(w, r, refusal)
		return
	}
	if err := g.handOver(w, r, accept, since); err != nil {
		g.warnings.log(slog.LevelWarn, "can't let a browser in", "reason", err)
	}
}

// check checks a request and returns the value of Sec-WebSocket-Accept.
func (g *Gateway) check(r *http.Request) (accept string, err error) {
	if r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) {
		return "", fmt.Errorf("%s with %s does not open a WebSocket", r.Method, r.Proto)
	}
	if err := g.checkOrigin(r); err != nil {
		return "", err
	}
	return websocket.CheckUpgrade(r.Header)
}

// An originError says that the page of another host is not to connect.
type originError struct{ origin, host string }

func (e originError) Error() string {
	return fmt.Sprintf("a page of %q may not connect to %q; --web-origin says from where pages may", e.origin, e.host)
}

// checkOrigin checks that a browser shows a page of this host, or of a permitted
// one. Other clients send no Origin (section 10.2).
func (g *Gateway) checkOrigin(r *http.Request) error {
	text := r.Header.Get("Origin")
	if text == "" {
		return nil
	}
	origin, err := url.Parse(text)
	if err == nil && origin.Host != "" {
		whole := origin.Scheme + "://" + origin.Host
		if strings.EqualFold(origin.Host, r.Host) || slices.ContainsFunc(g.config.Origins, func(permitted string) bool {
			return strings.EqualFold(permitted, origin.Host) || strings.EqualFold(permitted, whole)
		}) {
			return nil
		}
	}
	return originError{text, r.Host}
}

// refuse answers a request that opens no WebSocket.
func (g *Gateway) refuse(w http.ResponseWriter, reason error) {
	status := http.StatusBadRequest
	if e, ok := errors.AsType[*websocket.HandshakeError](reason); ok {
		status = e.Status
	} else if _, ok := errors.AsType[originError](reason); ok {
		status = http.StatusForbidden
	}
	if status == http.StatusUpgradeRequired {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-Websocket-Version", websocket.Version)
	}
	http.Error(w, reason.Error(), status)
}

// handOver answers a request and hands its connection to the chat server. At any time
// one of them owns it: first net/http, then this function, which either closes it or
// gives it away.
func (g *Gateway) handOver(w http.ResponseWriter, r *http.Request, accept string, since Since) error {
	socket, err := g.socketOf(r)
	if err != nil {
		http.Error(w, "the server has no room for another connection; try again later", http.StatusServiceUnavailable)
		return err
	}
	given := false
	defer func() {
		if !given {
			socket.Cancel()
		}
	}()
	remote := address(r.RemoteAddr).Addr()
	hijacked, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer func() {
		if !given {
			hijacked.Close()
		}
	}()
	received, err := buffered.Reader.Peek(buffered.Reader.Buffered())
	if err != nil {
		return err
	}
	hijacked.SetWriteDeadline(time.Now().Add(answerTimeout))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n"
	agreed := g.config.Subprotocol != "" && websocket.SelectSubprotocol(r.Header, g.config.Subprotocol) != ""
	if agreed {
		answer += "Sec-WebSocket-Protocol: " + g.config.Subprotocol + "\r\n"
	}
	answer += "\r\n"
	if _, err := hijacked.Write([]byte(answer)); err != nil {
		return nil // the browser has gone
	}
	given = true
	fd := socket.Start(hijacked)
	g.config.Adopt(Client{FD: fd, Peer: g.Peer(r), Remote: remote, Agreed: agreed, Since: since, Received: bytes.Clone(received)})
	return nil
}

// socketOf returns what the chat server will get of a request's connection.
func (g *Gateway) socketOf(r *http.Request) (Pipe, error) {
	if r.TLS != nil {
		return g.config.NewPipe()
	}
	return duplicate(connFrom(r))
}

// A duplicated is another descriptor of a TCP connection, whose first one belongs to the Go
// runtime's poller.
type duplicated int

// duplicate returns another descriptor of a connection, which does not block either.
func duplicate(c *limit.Conn) (fd duplicated, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	failed := raw.Control(func(own uintptr) {
		var n int
		n, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
		fd = duplicated(n)
	})
	if failed != nil {
		return -1, failed
	}
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

// Start closes the first descriptor and returns the other.
func (fd duplicated) Start(c net.Conn) int {
	c.Close()
	return int(fd)
}

// Cancel closes the descriptor.
func (fd duplicated) Cancel() { unix.Close(int(fd)) }
