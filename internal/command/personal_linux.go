package command

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"sop-chat/internal/keys"
	"sop-chat/internal/repeat"
	"sop-chat/internal/server"
	"sop-chat/internal/web"
)

// A keyring has the personal keys of a server, if there are any.
type keyring struct {
	options *serveOptions
	checker *keys.Checker
}

var _ server.Keyring = (*keyring)(nil)

// mostWaiting is how many keys may wait to be checked: what one core checks in a few
// seconds, which is less than what a connection has to authenticate.
const mostWaiting = 128

// newKeyring returns nil if there are no personal keys. Otherwise it is to be closed.
func newKeyring(o *serveOptions, p Process, pending int, logger *slog.Logger) *keyring {
	if !o.hasPersonalKeys() {
		return nil
	}
	// Go's scheduler would let a check run for 10 ms at a time while a message waits. With
	// another thread, the kernel's lets the loop go first, also on a single core.
	if _, set := p.LookupEnv("GOMAXPROCS"); !set && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
	waiting := mostWaiting
	if pending > 0 {
		waiting = min(waiting, pending)
	}
	const mostWorkers = 4 // each takes 19 MiB, and keys that were right are not checked again
	workers := min(max(1, runtime.GOMAXPROCS(0)/2), mostWorkers)
	k := &keyring{o, keys.NewChecker(keys.Config{Workers: workers, Waiting: waiting})}
	k.checker.SetLines(o.personalKeys)
	warnOfKeysFile(o.keysFile, o.personalKeys, o.keysVersion, logger)
	return k
}

// forServer returns the keyring as the server's, which is nil if there is none.
func (k *keyring) forServer() server.Keyring {
	if k == nil {
		return nil
	}
	return k
}

func (k *keyring) close() {
	if k != nil {
		k.checker.Close()
	}
}

// Check has a key checked.
func (k *keyring) Check(key string, source netip.Prefix, done func(server.Checked)) (server.Checked, bool) {
	a, atOnce := k.checker.Check(key, source, func(a keys.Answer) { done(k.checked(a)) })
	return k.checked(a), atOnce
}

func (k *keyring) checked(a keys.Answer) server.Checked {
	switch a.Verdict {
	case keys.Right:
		return server.Checked{Verdict: server.RightKey, Pass: server.Pass{
			Label: a.Line.Label, Room: k.options.personalRoom(a.Line.Room), ID: a.Line.String(),
		}}
	case keys.Unchecked:
		return server.Checked{Verdict: server.Unchecked}
	}
	return server.Checked{Verdict: server.WrongKey}
}

// InForce reports whether a pass is one of the lines of the file.
func (k *keyring) InForce(p server.Pass) bool {
	line, found := k.checker.Line(p.Label)
	return found && line.String() == p.ID
}

// room returns the room of a personal key, when it has been checked. The errors are those of
// web.Config.Room.
func (k *keyring) room(ctx context.Context, s *server.Server, from netip.Addr, key string) (*server.Room, error) {
	if k == nil {
		return nil, web.ErrWrongKey
	}
	line, err := checkedLine(ctx, k.checker, from, key)
	if err != nil {
		return nil, err
	}
	return s.RoomNamed(k.options.personalRoom(line.Room)), nil
}

// checkedLine returns the line of a key that somebody at an address has given to the page,
// when it has been checked. The errors are those of web.Config.Room.
func checkedLine(ctx context.Context, c *keys.Checker, from netip.Addr, key string) (keys.Line, error) {
	answered := make(chan keys.Answer, 1)
	a, atOnce := c.Check(key, repeat.Source(from), func(a keys.Answer) { answered <- a })
	if !atOnce {
		select {
		case a = <-answered:
		case <-ctx.Done():
			return keys.Line{}, web.ErrUnchecked
		}
	}
	switch {
	case a.Verdict == keys.Unchecked:
		return keys.Line{}, web.ErrUnchecked
	case a.Verdict != keys.Right || !c.InForce(a.Line):
		return keys.Line{}, web.ErrWrongKey
	}
	return a.Line, nil
}

// keep keeps the keys as their files say: it reads the file when it changes, and at the
// step that it returns. stop ends that.
func (k *keyring) keep(ctx context.Context, s *server.Server, logger *slog.Logger) (step reloadStep, stop func()) {
	if k == nil {
		return nil, func() {}
	}
	step, stop = keepKeys(ctx, &keysReloader{
		what:  "personal keys",
		file:  k.options.keysFile,
		read:  k.options.readPersonalKeys,
		rooms: roomsOf(s, k.options),
		use: func(lines []keys.Line) {
			k.checker.SetLines(lines)
			s.RevokePasses()
		},
		logger: logger,
		lines:  k.options.personalKeys,
		last:   k.options.keysVersion,
		seen:   k.options.keysVersion,
	})
	return k.options.config.unlessFailed(step), stop
}

// roomsOf returns what returns the names of a server's rooms, as a file of keys has them.
func roomsOf(s *server.Server, o *serveOptions) func() []string {
	if len(o.rooms) == 0 {
		return func() []string { return []string{keys.OnlyRoom} }
	}
	return func() (names []string) {
		for _, room := range s.Rooms() {
			names = append(names, room.Name())
		}
		return names
	}
}

// keepKeys runs a reloader until stop is called. The step has the file read again now.
func keepKeys(ctx context.Context, r *keysReloader) (step reloadStep, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ticker := time.NewTicker(keysLookInterval)
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx, ticker.C) })
	return r.reload, func() {
		cancel()
		ticker.Stop()
		running.Wait()
	}
}

// webRoom returns what the page is told of the room that a key opens.
func webRoom(s *server.Server, k *keyring) func(context.Context, netip.Addr, string) (web.Room, error) {
	return func(ctx context.Context, from netip.Addr, key string) (web.Room, error) {
		room := s.Room(key)
		if room == nil {
			var err error
			if room, err = k.room(ctx, s, from, key); err != nil {
				return web.Room{}, err
			}
		}
		if room == nil {
			return web.Room{}, web.ErrWrongKey
		}
		return web.Room{Name: room.Name(), Replay: room.Replay()}, nil
	}
}
