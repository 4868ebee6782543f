package command

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sop-chat/internal/english"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
)

// A service tells systemd how the server is, if systemd started it. Any goroutine may call
// its methods.
type service struct {
	notifier *systemd.Notifier // nil if it did not
	watchdog time.Duration     // how long it waits for a sign of life; 0 is for ever
	logger   *slog.Logger

	mu     sync.Mutex // held while it is told what the server does
	status string     // that it was told last; guarded by mu
	failed bool       // the last reload; guarded by mu
	ending bool       // guarded by mu
}

func newService(p Process, logger *slog.Logger) *service {
	return &service{notifier: systemd.NewNotifier(notifySocket(p)), watchdog: systemd.WatchdogTimeout(p.LookupEnv), logger: logger}
}

func (v *service) tell(assignments ...string) {
	if err := v.notifier.Notify(assignments...); err != nil {
		v.logger.Warn("systemd can't be told how the server is", "error", err)
	}
}

// What systemd waits for, it waits for longer if it is told so again and again.
const (
	extendEvery = 10 * time.Second
	extendBy    = 3 * extendEvery
	mostExtends = 360 // an hour; what takes longer is stuck
)

// extend tells systemd what takes its time, and asks for more of it until stop is called:
// only before the server is ready, and after it has begun to end.
func (v *service) extend(what string) (stop func()) {
	if v.notifier == nil {
		return func() {}
	}
	v.tell(systemd.Status(what), systemd.ExtendTimeout(extendBy))
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(extendEvery)
		defer ticker.Stop()
		for range mostExtends {
			select {
			case <-ticker.C:
				v.tell(systemd.ExtendTimeout(extendBy))
			case <-done:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
}

// statusInterval is how often the status is brought up to date.
const statusInterval = 10 * time.Second

// start says that the server is ready, and from then on how it is, until stop is called:
// that says that it ends.
func (v *service) start(s *server.Server) (stop func()) {
	if v.notifier == nil {
		return func() {}
	}
	v.ready(s)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { v.run(ctx, s) })
	return sync.OnceFunc(func() {
		cancel()
		running.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		v.ending = true
		v.tell(systemd.Stopping)
	})
}

// reloading has systemd know when r reloads, and what comes of that.
func (v *service) reloading(r *reloader, s *server.Server) {
	if v.notifier == nil {
		return
	}
	r.began = func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if !v.ending {
			v.tell(systemd.Reloading())
		}
	}
	r.done = func(err error) {
		v.mu.Lock()
		v.failed = err != nil
		v.mu.Unlock()
		v.ready(s)
	}
}

func (v *service) ready(s *server.Server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.ending {
		v.status = v.describe(s)
		v.tell(systemd.Ready, systemd.Status(v.status))
	}
}

// run tells the status when it changes, and that the server is alive for as long as it is.
func (v *service) run(ctx context.Context, s *server.Server) {
	status := time.NewTicker(statusInterval)
	defer status.Stop()
	var beats <-chan time.Time
	if v.watchdog > 0 {
		ticker := time.NewTicker(max(v.watchdog/2, time.Millisecond))
		defer ticker.Stop()
		beats = ticker.C
		s.IsAlive() // asks for the first answer
	}
	for {
		select {
		case <-beats:
			v.beat(s)
		case <-status.C:
			v.renewStatus(s)
		case <-ctx.Done():
			return
		}
	}
}

func (v *service) beat(s *server.Server) {
	if s.IsAlive() {
		v.tell(systemd.Watchdog)
	} else {
		v.logger.Warn("an event loop is stuck, so systemd is not told that the server is alive", "watchdog", v.watchdog)
	}
}

func (v *service) renewStatus(s *server.Server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := v.describe(s); now != v.status {
		v.status = now
		v.tell(systemd.Status(now))
	}
}

// describe returns how the server is, in words. The caller holds the lock.
func (v *service) describe(s *server.Server) string {
	all := s.Rooms()
	var clients, slots int64
	for _, room := range all {
		clients, slots = clients+room.Clients(), slots+room.MaxClients()
	}
	text := english.Count(clients, "client")
	switch {
	case len(all) > 1:
		text += " in " + english.Count(len(all), "room")
	case slots > 0:
		text = fmt.Sprintf("%d of %s", clients, english.Count(slots, "client"))
	}
	if v.failed {
		text += "; not all could be reloaded, see the log"
	}
	return text
}
