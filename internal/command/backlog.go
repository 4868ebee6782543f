package command

import (
	"log/slog"

	"github.com/dustin/go-humanize"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

const (
	// defaultBacklog is the automatic backlog if there is enough memory.
	defaultBacklog = 32 << 20
	// minBacklog is the automatic backlog however little memory there is.
	minBacklog = 256 << 10
	// otherMemory is about what the server needs besides its log and the kernel's
	// buffers: the program, its heap and its stacks.
	otherMemory = 16 << 20
	// historyMemory is what a history needs in addition.
	historyMemory = 16 << 20
)

// backlogSize parses the size of the backlog, or the word auto.
var backlogSize = orAutomatic(size)

// A memoryLimit is how many bytes of memory the process may have, and where that
// is set. 0 is no limit.
type memoryLimit struct {
	bytes uint64
	from  string
}

// lower returns the lower of two limits.
func (m memoryLimit) lower(other memoryLimit) memoryLimit {
	if other.bytes != 0 && (m.bytes == 0 || other.bytes < m.bytes) {
		return other
	}
	return m
}

// backlogWithin returns how large a backlog fits into a limit: half of what the
// log and the kernel's buffers may take together. The other half is for those
// buffers: what was sent by reference stays in them after the log has dropped it.
func (o *serveOptions) backlogWithin(limit uint64) int {
	others := uint64(otherMemory)
	if o.history != "" {
		others += historyMemory
	}
	left := (limit - min(others, limit)) / 2
	left -= left % broadcast.SegmentSize
	return int(max(minBacklog, min(left, maxBacklog)))
}

// fitBacklog chooses the automatic backlog by the memory that there is. For a
// given one, it warns if that may be too much.
func (o *serveOptions) fitBacklog(limit memoryLimit, logger *slog.Logger) error {
	given, fits := o.backlog, defaultBacklog
	if limit.bytes > 0 {
		fits = o.backlogWithin(limit.bytes)
	}
	if given == automatic {
		o.backlog = min(fits, defaultBacklog)
	}
	about := []any{"backlog", humanize.IBytes(uint64(o.backlog)), "memory", humanize.IBytes(limit.bytes), "by", limit.from}
	switch {
	case given == automatic && o.backlog < defaultBacklog:
		logger.Info("the backlog is smaller than usual, because there is little memory", about...)
	case given != automatic && limit.bytes > 0 && given > fits:
		logger.Warn("the backlog may not fit into the memory, and the server may be killed",
			append(about, "fits", humanize.IBytes(uint64(fits)))...)
	}
	return o.checkReplay()
}

// backlogOrDefault returns the backlog, or what it is at most if it is not chosen yet.
func (o *serveOptions) backlogOrDefault() int {
	if o.backlog == automatic {
		return defaultBacklog
	}
	return o.backlog
}

// checkReplay returns an error if the backlog is too small for --replay, or for what a
// room replays.
func (o *serveOptions) checkReplay() error {
	backlog := o.backlogOrDefault()
	if most := broadcast.MaxRetained(backlog); o.replay > most {
		return usagef("--replay %d is too much for a --backlog of %s, of which a quarter can be replayed: %s",
			o.replay, humanize.IBytes(uint64(backlog)), english.Count(most, "message"))
	}
	return o.checkRooms(o.rooms)
}
