//go:build linux

// Package systemd is what a service and its service manager tell each other: how the
// service is, by sd_notify(3), and which sockets the manager has opened for it, by
// sd_listen_fds(3). The protocols are promised to stay, and small enough to speak them
// without a library. It knows nothing of the program.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What the service is, in the words of sd_notify(3).
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1" // the service is alive
)

// Status describes the service to people, in one line.
func Status(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// Reloading says that the service begins to read its configuration again; it is Ready when
// it has.
func Reloading() string {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // by which it is told what the manager's signal caused
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// ExtendTimeout asks for that much more time to start or to stop.
func ExtendTimeout(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}

// A Notifier tells the manager how the service is. Nil tells nobody. Any goroutine may call
// its method.
type Notifier struct{ socket net.UnixAddr }

// NewNotifier returns a notifier for a service that was told the path of a socket, in
// NOTIFY_SOCKET; nil if it was told none.
func NewNotifier(socket string) *Notifier {
	if socket == "" {
		return nil
	}
	return &Notifier{net.UnixAddr{Name: socket, Net: "unixgram"}} // package net knows a leading @, too
}

// notifyTimeout is how long the manager may take no messages.
const notifyTimeout = 5 * time.Second

// Notify sends assignments, such as Ready, in one message.
func (n *Notifier) Notify(assignments ...string) error {
	if n == nil {
		return nil
	}
	return n.send(nil, assignments...)
}

// send sends assignments in one message, with descriptors.
func (n *Notifier) send(fds []int, assignments ...string) error {
	conn, err := net.DialUnix("unixgram", nil, &n.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	raw, err := conn.SyscallConn() // WriteMsgUnix refuses sockets that are connected
	if err != nil {
		return err
	}
	message := []byte(strings.Join(assignments, "\n"))
	var sent error
	err = raw.Write(func(fd uintptr) (done bool) {
		sent = unix.Sendmsg(int(fd), message, rights, nil, 0)
		return sent != unix.EAGAIN
	})
	if err == nil {
		err = os.NewSyscallError("sendmsg", sent)
	}
	return err
}
