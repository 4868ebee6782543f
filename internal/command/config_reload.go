package command

import (
	"log/slog"
	"strings"

	"sop-chat/internal/config"
	"sop-chat/internal/tomlfile"
)

// tables returns the tables with a name that are in force.
func (c *configuration) tables(name string) []tomlfile.Table {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.TablesNamed(name)
}

// reloadConfig is a reloadStep, before those of rooms and keys. It reads the file of
// --config again, if there is one, for its tables of both.
func (o *serveOptions) reloadConfig(logger *slog.Logger) []*reloadError {
	c := o.config
	if c == nil {
		return nil
	}
	next, err := config.Read(c.atStart.Name, c.layout)
	c.set(next, err)
	if err != nil {
		return []*reloadError{{what: "rooms and personal keys stay as they are", err: err}}
	}
	later := config.Changed(c.atStart, next)
	if !o.hasNamedRooms() && len(next.TablesNamed(roomTable)) > 0 {
		later = append(later, "[["+roomTable+"]]")
	}
	if !o.hasPersonalKeys() && len(next.TablesNamed(keyTable)) > 0 {
		later = append(later, "[["+keyTable+"]]")
	}
	if len(later) > 0 {
		logger.Warn("what else has changed in the configuration file takes effect at the next start",
			"file", c.atStart.Name, "settings", strings.Join(later, ", "))
	}
	warnOfConfig(next, logger)
	return nil
}

// unlessFailed returns a step that is left out while the file has an error.
func (c *configuration) unlessFailed(step reloadStep) reloadStep {
	return func() []*reloadError {
		if c.hasFailed() {
			return nil
		}
		return step()
	}
}

// set keeps what was read again.
func (c *configuration) set(next *config.File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed = err != nil; !c.failed {
		c.now = next
	}
}

// hasFailed reports whether the file had an error when it was read last.
func (c *configuration) hasFailed() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// warnOfConfig warns of a file with keys that others can read.
func warnOfConfig(file *config.File, logger *slog.Logger) {
	if words := readableKeys(file); words != "" {
		logger.Warn(words, "file", file.Name)
	}
}

// readableKeys says that others can read the keys in a file; "" if they can't.
func readableKeys(file *config.File) string {
	_, hasKey := file.Values[keyName]
	switch {
	case !file.OthersRead:
	case hasKey || len(file.TablesNamed(roomTable)) > 0:
		return "every user of this machine can read the keys in the configuration file; chmod o-r helps"
	case len(file.TablesNamed(keyTable)) > 0:
		return "every user of this machine can read the hashes of the personal keys in the configuration file; chmod o-r helps"
	}
	return ""
}
