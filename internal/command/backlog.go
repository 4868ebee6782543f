package command

import (
	"log/slog"

	"github.com/dustin/go-humanize"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
)

const (
	// fullBacklog is what the backlog is by itself where there is memory for it.
	fullBacklog = 32 << 20
	// leastBacklog is what it is at least, however little there is.
	leastBacklog = 256 << 10
	// otherMemory is about what the server needs besides its log and what its
	// clients have in the kernel: the program, its heap and its stacks.
	otherMemory = 16 << 20
	// historyMemory is what it needs besides with a history.
	historyMemory = 16 << 20
)

// backlogSize reads how much the room keeps, or the word auto.
var backlogSize = orAutomatic(size)

// A memoryLimit is how many bytes of memory the process may have, and who says
// so. 0 is no limit.
type memoryLimit struct {
	bytes uint64
	from  string
}

// least returns the lower of two limits.
func (m memoryLimit) least(other memoryLimit) memoryLimit {
	if other.bytes != 0 && (m.bytes == 0 || other.bytes < m.bytes) {
		return other
	}
	return m
}

// backlogWithin returns how large a backlog a limit has room for: half of what
// the log and the kernel's buffers may take together. The other half is for
// those buffers, in which what was sent by reference outlives the log.
func (o *serveOptions) backlogWithin(limit uint64) int {
	others := uint64(otherMemory)
	if o.history != "" {
		others += historyMemory
	}
	left := (limit - min(others, limit)) / 2
	left -= left % broadcast.SegmentSize
	return int(max(leastBacklog, min(left, mostBacklog)))
}

// fitBacklog makes the backlog one that memory is there for, unless it was said
// how large it is to be; then it says if that may be too much.
func (o *serveOptions) fitBacklog(limit memoryLimit, logger *slog.Logger) error {
	given, fits := o.backlog, fullBacklog
	if limit.bytes > 0 {
		fits = o.backlogWithin(limit.bytes)
	}
	if given == automatic {
		o.backlog = min(fits, fullBacklog)
	}
	about := []any{"backlog", humanize.IBytes(uint64(o.backlog)), "memory", humanize.IBytes(limit.bytes), "by", limit.from}
	switch {
	case given == automatic && o.backlog < fullBacklog:
		logger.Info("there is little memory, so the backlog is smaller than usual", about...)
	case given != automatic && limit.bytes > 0 && given > fits:
		logger.Warn("the backlog may not fit the memory that is there, and the server be killed",
			append(about, "fits", humanize.IBytes(uint64(fits)))...)
	}
	return o.checkReplay()
}

// checkReplay reports that the backlog is too small for what is to be replayed.
func (o *serveOptions) checkReplay() error {
	backlog := o.backlog
	if backlog == automatic {
		backlog = fullBacklog
	}
	if most := broadcast.MaxRetained(backlog); o.replay > most {
		return usagef("--replay %d is too much for a --backlog of %s, of which a quarter can be replayed: %s",
			o.replay, humanize.IBytes(uint64(backlog)), english.Count(most, "message"))
	}
	return nil
}
