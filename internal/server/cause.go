//go:build linux

package server

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A cause says why a connection ended, in words for people, and at which level to
// log it.
type cause struct {
	words  string
	reason reason // its kind
	level  slog.Level
	// reset has the connection reset, so that the kernel does not keep what the
	// client has not read.
	reset bool
	// complete has the client receive all that was sent to it.
	complete bool
	// failed says that a call about the connection failed, so that nothing more
	// is tried.
	failed bool
	// status and told are what a WebSocket is closed with; without a status it is told no
	// more than that the server has closed it.
	status websocket.Status
	told   string
}

var (
	causeEnd        = cause{words: "closed the connection", reason: clientClosed, level: slog.LevelDebug}
	causeShutdown   = cause{words: "the server is shutting down", reason: serverShutdown, level: slog.LevelDebug, complete: true}.telling(websocket.GoingAway)
	causeClosed     = cause{words: "the room was closed", reason: roomClosed, level: slog.LevelDebug, complete: true}.telling(websocket.NormalClosure)
	causeRekeyed    = cause{words: "the key of the room was changed", reason: keyChanged, level: slog.LevelDebug, complete: true}.telling(websocket.NormalClosure)
	causeKey        = cause{words: "wrong key", reason: wrongKeyGiven, level: slog.LevelInfo, complete: true}.telling(wrongKey)
	causeRevoked    = cause{words: "its key was removed", reason: keyRevoked, level: slog.LevelInfo, complete: true}.telling(wrongKey)
	causeTooMany    = cause{words: "too many keys wait to be checked", reason: keyUnchecked, level: slog.LevelInfo, complete: true}.telling(websocket.TryAgainLater)
	causeTLS        = cause{words: "speaks TLS, and this port does not", reason: unexpectedTLS, level: slog.LevelInfo, complete: true}
	causeFull       = cause{words: "the room is full", reason: roomIsFull, level: slog.LevelInfo, complete: true}.telling(roomFull)
	causeName       = cause{words: "somebody with this name, or one that looks like it, is in the room", reason: nameIsTaken, level: slog.LevelInfo, complete: true}.telling(nameTaken)
	causeNameLost   = cause{words: "somebody with this name, or one that looks like it, was in the room before, at another server", reason: nameIsTaken, level: slog.LevelInfo, complete: true}.telling(nameTaken)
	causeTimeout    = cause{words: "did not authenticate in time", reason: tooLate, level: slog.LevelInfo}.telling(websocket.TryAgainLater)
	causeDelayed    = cause{words: "its key had to wait, after wrong ones from its address, until its time was over", reason: tooLate, level: slog.LevelInfo}.telling(websocket.TryAgainLater)
	causeDenied     = cause{words: "its address is not allowed any more", reason: addressDenied, level: slog.LevelInfo, reset: true}
	causeNoPong     = cause{words: "answers no pings", reason: noPong, level: slog.LevelInfo}
	causeRestart    = cause{words: "the server was restarted, and its TLS could not be handed over", reason: serverRestart, level: slog.LevelDebug, complete: true}.telling(websocket.ServiceRestart)
	causeReplaced   = cause{words: "came back over a new connection", reason: replacedByClient, level: slog.LevelInfo, reset: true}
	causeInHeader   = cause{words: "closed the connection within its PROXY header", reason: badProxyHeader, level: slog.LevelInfo}
	causeDescriptor = cause{words: "its descriptor was not handed over", reason: serverRestart, level: slog.LevelWarn}
	causeEvicted    = cause{words: "was evicted for a newer connection before it authenticated", reason: evicted, level: slog.LevelInfo}.telling(websocket.TryAgainLater)
)

// telling returns the cause for which a WebSocket is closed with a status, and told the words.
func (c cause) telling(status websocket.Status) cause {
	c.status, c.told = status, c.words
	return c
}

// causeSilent is for a connection that is closed before it has authenticated.
func causeSilent(bytes int) cause {
	if bytes == 0 {
		return causeEnd
	}
	return cause{words: fmt.Sprintf("closed the connection before its first message was complete, at byte %d of %d",
		bytes, wire.Size), reason: incompleteMessage, level: slog.LevelInfo}
}

func causeTookTooLittle(timeout time.Duration) cause {
	return cause{
		words:  fmt.Sprintf("held the others up, and took less than %d KiB in %v", broadcast.SegmentSize>>10, timeout),
		reason: tooSlow,
		level:  slog.LevelWarn,
		reset:  true,
	}
}

func causeHeldTooLong(timeout time.Duration) cause {
	return cause{
		words:  fmt.Sprintf("held the others up for %v within ten minutes", timeout),
		reason: tooSlow,
		level:  slog.LevelWarn,
		reset:  true,
	}
}

func causeIncomplete(bytes int) cause {
	return cause{words: fmt.Sprintf("closed the connection with an incomplete message of %d of its %d bytes, which was dropped",
		bytes, wire.Size), reason: incompleteMessage, level: slog.LevelWarn}
}

// causeViolation is for a WebSocket whose client broke a rule of RFC 6455 or of ours.
func causeViolation(rule string) cause {
	return cause{words: "broke the rules of WebSockets: " + rule, reason: protocolViolation, level: slog.LevelInfo}
}

// causeHeader is for a connection from a proxy whose header is invalid.
func causeHeader(err error) cause {
	return cause{words: fmt.Sprintf("its PROXY header is invalid: %v", err), reason: badProxyHeader, level: slog.LevelInfo}
}

// causeErrno names the system call and the error, so that an operator can look
// them up: "connection reset by peer (read: ECONNRESET)".
func causeErrno(call string, errno syscall.Errno) cause {
	return cause{words: fmt.Sprintf("%v (%s: %s)", errno, call, unix.ErrnoName(errno)), reason: callFailed, level: slog.LevelInfo, failed: true}
}
