package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"sop-chat/internal/config"
	"sop-chat/internal/keys"
	"sop-chat/internal/rooms"
)

// hasPersonalKeys reports whether there are keys of --keys or in the configuration file.
func (o *serveOptions) hasPersonalKeys() bool { return o.keysFile != "" || o.config.begins(keyTable) }

// setPersonalKeys reads the personal keys, if there are any. Without KEY, and without
// named rooms, they alone open the only room.
func (o *serveOptions) setPersonalKeys(withKey bool) error {
	if !o.hasPersonalKeys() {
		return nil
	}
	if o.stage <= 2 {
		return usagef("--keys lets people join from stage 3 on, not in stage %d", o.stage)
	}
	if o.personalOnly = !withKey && !o.hasNamedRooms(); o.personalOnly {
		o.key = rand.Text() // which nobody is told
	}
	var err error
	o.personalKeys, o.keysVersion, err = o.readPersonalKeys(roomNamesOf(o.allRooms()))
	if _, unreadable := errors.AsType[*fs.PathError](err); err != nil && !unreadable {
		return usageError(err.Error())
	}
	return err
}

// readPersonalKeys returns the lines of the file of keys as it is now, and those of the
// configuration file, for a server with some rooms.
func (o *serveOptions) readPersonalKeys(rooms []string) (lines []keys.Line, version keys.Version, err error) {
	if o.keysFile != "" {
		lines, version, err = readKeysFile(o.keysFile, rooms)
	}
	if err != nil {
		return nil, version, err
	}
	more, wrong := keys.FromTables(o.config.tables(keyTable), rooms, lines)
	return append(lines, more...), version, config.Errors(wrong).InOrder()
}

// readKeysFile returns the lines of a file of keys as it is now, for a server with some rooms.
func readKeysFile(file string, rooms []string) ([]keys.Line, keys.Version, error) {
	content, version, err := keys.ReadFile(file)
	if err != nil {
		return nil, version, err
	}
	lines, err := keys.ParseFor(file, content, rooms)
	return lines, version, err
}

// roomNamesOf returns the names of rooms, as a file of keys has them.
func roomNamesOf(all []rooms.Room) []string {
	var names []string
	for _, room := range all {
		names = append(names, cmp.Or(room.Name, keys.OnlyRoom))
	}
	return names
}

// A keysReloader keeps the personal keys of a server as their files say. Any goroutine may
// call its methods.
type keysReloader struct {
	what   string // the keys are
	file   string // "" if there is none but the configuration file
	read   func(rooms []string) ([]keys.Line, keys.Version, error)
	rooms  func() []string   // the names of the server's
	use    func([]keys.Line) // instead of the former ones
	logger *slog.Logger

	mu    sync.Mutex
	lines []keys.Line  // that are in use; guarded by mu
	last  keys.Version // the one that was read; guarded by mu
	seen  keys.Version // the one at the last look; guarded by mu
}

// keysLookInterval is how often it is looked whether the file has changed.
const keysLookInterval = 2 * time.Second

// run looks at the file at each tick, until ctx is done.
func (r *keysReloader) run(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ticks:
			r.look()
		case <-ctx.Done():
			return
		}
	}
}

// look reads the file if it has changed, and has not changed any more since the last look:
// half of a file that is being written may be a valid one, and would disconnect many.
func (r *keysReloader) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := keys.VersionOf(r.file)
	before := r.seen
	if r.seen = now; now.Same(r.last) || !now.Same(before) {
		return
	}
	if err := r.reread(); err != nil {
		err.log(r.logger)
	}
}

// reload is a reloadStep. It reads the file.
func (r *keysReloader) reload() []*reloadError {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.reread(); err != nil {
		return []*reloadError{err}
	}
	return nil
}

// reread reads the file, and uses what is in it, unless there is an error. The caller holds
// the lock.
func (r *keysReloader) reread() *reloadError {
	next, version, err := r.read(r.rooms())
	r.last = version
	if err != nil {
		return &reloadError{what: "the " + r.what + " stay as they are", err: err}
	}
	there := make(map[string]keys.Line, len(r.lines))
	for _, line := range r.lines {
		there[line.Label] = line
	}
	added, changed := 0, 0
	for _, line := range next {
		former, found := there[line.Label]
		switch delete(there, line.Label); {
		case !found:
			added++
		case former != line:
			changed++
		}
	}
	r.lines = next
	r.use(next)
	r.logger.Info("the "+r.what+" have been read again", "keys", len(next),
		"added", added, "removed", len(there), "changed", changed)
	warnOfKeysFile(r.file, next, version, r.logger)
	return nil
}

// warnOfKeysFile warns of a file of keys that others can read, or that lets nobody in.
func warnOfKeysFile(file string, lines []keys.Line, version keys.Version, logger *slog.Logger) {
	if version.OthersRead() {
		logger.Warn("every user of this machine can read the hashes of the personal keys; chmod o-r helps", "file", file)
	}
	if len(lines) == 0 {
		logger.Warn("there is no personal key in the file; 'sop-chat key new' makes one", "file", file)
	}
}

// personalRoom returns the name of the server's room that a file of keys calls so.
func (o *serveOptions) personalRoom(name string) string {
	if name == keys.OnlyRoom && len(o.rooms) == 0 {
		return ""
	}
	return name
}
