//go:build linux

package server

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A cause says why a connection ended, in words for people, and how much that
// concerns an operator.
type cause struct {
	words string
	level slog.Level
}

var (
	causeEnd      = cause{"closed the connection", slog.LevelDebug}
	causeShutdown = cause{"the server is shutting down", slog.LevelDebug}
	causeKey      = cause{"wrong key", slog.LevelInfo}
	causeFull     = cause{"the room is full", slog.LevelInfo}
	causeTimeout  = cause{"did not authenticate in time", slog.LevelInfo}
	causeEvicted  = cause{"gave way to a newer connection before it authenticated", slog.LevelInfo}
)

// causeSilent is for a connection that is closed before it has authenticated.
func causeSilent(bytes int) cause {
	if bytes == 0 {
		return causeEnd
	}
	return cause{fmt.Sprintf("closed the connection after %d bytes of the %d with which it was to authenticate",
		bytes, wire.Size), slog.LevelInfo}
}

func causeTookTooLittle(timeout time.Duration) cause {
	return cause{fmt.Sprintf("held the others up, and took less than %d KiB in %v", broadcast.SegmentSize>>10, timeout), slog.LevelWarn}
}

func causeHeldTooLong(timeout time.Duration) cause {
	return cause{fmt.Sprintf("held the others up for %v within ten minutes", timeout), slog.LevelWarn}
}

func causeIncomplete(bytes int) cause {
	return cause{fmt.Sprintf("closed the connection with an incomplete message of %d of its %d bytes, which was dropped",
		bytes, wire.Size), slog.LevelWarn}
}

// causeErrno names the system call and the error, so that an operator can look
// it up: "connection reset by peer (read: ECONNRESET)".
func causeErrno(call string, errno syscall.Errno) cause {
	return cause{fmt.Sprintf("%v (%s: %s)", errno, call, unix.ErrnoName(errno)), slog.LevelInfo}
}
