package command

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/handover"
	"sop-chat/internal/limit"
)

// A server that another program goes on with comes to a standstill in these steps, whether
// that program takes the place of this one (upgrade), or is another process that the service
// manager starts (restart).

const (
	// answerTimeout is for how long requests may be answered, those of the page, of monitoring
	// and of operators, before they are cut off.
	answerTimeout = time.Second
	// flushTimeout is how long the history and the console may take to be complete. The
	// members wait meanwhile.
	flushTimeout = 5 * time.Second
)

// hold has no request begin until release is called, and waits for those that have.
func (u *upgrader) hold(ctx context.Context) (release func()) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	u.line.hold()
	u.ports.hold(ctx)
	all := []*limit.Requests{&u.site.requests, &u.monitoring.requests, &u.operator.requests}
	for _, requests := range all {
		requests.End(ctx)
	}
	u.mentions.hold(ctx)
	return func() {
		u.mentions.release()
		for _, requests := range all {
			requests.Resume()
		}
		u.line.release()
		u.ports.release()
	}
}

// freeze stops the loops, and calls leave with the complete state while they stand still. If
// that returns, which says that nobody goes on with the state, they go on.
func (u *upgrader) freeze(ctx context.Context, leave func(*handover.State) error) error {
	u.reload.mu.Lock() // rooms stay as they are
	defer u.reload.mu.Unlock()
	rekeyed, unlock := u.open.rekeyed.hold(u.open.configuredKey)
	defer unlock()
	link, err := u.cluster.pause()
	if err != nil {
		return err
	}
	defer u.cluster.resume()
	leaves := left{Since: time.Now().UnixNano(), Rekeyed: rekeyed, Cluster: link, Bans: u.cluster.bansToTell()}
	state, err := u.server.Freeze(func() error { return u.flush(ctx, &leaves) })
	if err != nil {
		return err
	}
	defer u.server.Thaw()
	if err := u.complete(state, leaves); err != nil {
		return err
	}
	return leave(state)
}

// flush completes what is written by others than the loops.
func (u *upgrader) flush(ctx context.Context, l *left) (err error) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if l.History, err = u.keeper.flush(ctx); err != nil {
		return err
	}
	if l.Console, err = u.display.flush(ctx); err != nil {
		return err
	}
	l.Mentions, err = u.mentions.flush(ctx)
	return err
}

// complete adds to a state what is not the server's.
func (u *upgrader) complete(state *handover.State, l left) error {
	open, err := u.ports.passOn()
	if err != nil {
		return err
	}
	state.Listeners = append(state.Listeners, open...)
	l.Path, l.Fixed = u.process.Program.Path, u.options.fixed()
	l.Terminal, l.NoHangup = u.terminal, u.process.ignoresHangup
	l.Admin, l.Line = u.socket.left(), u.line.draft()
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if state.Others == nil {
		state.Others = make(map[string]json.RawMessage)
	}
	state.Program = u.process.Build.recorded().String()
	state.Others[leftName] = text
	return nil
}

// part does what comes last before another program goes on: all that was logged is written,
// the terminal is as it was, and clients over TLS are told to come back. The latter can't be
// undone.
func (u *upgrader) part() (undo func()) {
	if u.process.flushLog != nil {
		u.process.flushLog()
	}
	undo = u.line.leave()
	u.secure.endUnpassed(u.server)
	return undo
}

// newMemoryFile returns a file that exists in memory only.
func newMemoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // an older system
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
