package command

import (
	"log/slog"

	"golang.org/x/sys/unix"

	"sop-chat/internal/server"
)

// The descriptors that a process may have (RLIMIT_NOFILE, see getrlimit(2)) are
// shared by the room's connections, the page's, and the files of the history.
// Go has raised the limit as far as it may.

// descriptorLimit returns how many descriptors the process may have; 0 if that is
// not known, or practically unlimited.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// shareDescriptors divides the descriptors. An eighth of them, 128 at most, is
// kept from pending connections: one half is for clients, and the other for the
// history and the page.
func shareDescriptors(limit int) server.Descriptors {
	if limit == 0 {
		return server.Descriptors{}
	}
	kept := min(limit/8, 128)
	return server.Descriptors{
		Short:      limit - kept,
		ForPending: kept / 4,
		Full:       limit - kept/2,
	}
}

// warnOfMaxClients warns of a limit on clients that can't be reached.
func (o *serveOptions) warnOfMaxClients(limit int, logger *slog.Logger) {
	if most := shareDescriptors(limit).Full; most > 0 && o.maxClients >= most {
		logger.Warn("--max-clients is more than the limit on open files allows; raise it with ulimit -n, or LimitNOFILE of systemd",
			"clients", o.maxClients, "limit", limit)
	}
}
