package command

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"sop-chat/internal/handover"
	"sop-chat/internal/server"
)

// An upgrader replaces the running server by the program that is at its path, without
// disconnecting anybody but clients over TLS:
//
//	check    the new program is run beside this one: do its options and files suit it?
//	hold     the page's port and that of TLS accept nothing; requests are answered to their end
//	freeze   the loops stop; the history and the console are complete
//	check    can the new program go on with the state, which is in a file in memory?
//	replace  clients over TLS are told to come back, and execve replaces the program: the
//	         process stays the same, with the descriptors that pass
//
// If something fails, what was done is undone, and the server goes on as if nothing had
// happened.
type upgrader struct {
	options  *serveOptions
	process  Process
	server   *server.Server
	ports    *ports
	secure   *tlsPort
	site     *website
	keeper   *keeper
	display  *display
	service  *service
	stopping func() // tells the service manager that the server ends
	reload   *reloader
	open     *openRooms
	signals  *upgradeSignals
	line     *commandLine
	socket   adminSocket
	operator *operator
	mentions *mentionReader
	cluster  *clusterLink
	terminal bool // the process belongs to one, or did when it began
	logger   *slog.Logger

	monitoring *metricsPort

	mu      sync.Mutex // held during an upgrade
	ending  context.Context
	end     context.CancelCauseFunc
	running sync.WaitGroup
}

var _ upgrades = (*upgrader)(nil)

var (
	errUpgrading = errors.New("an upgrade is under way already")
	errStage     = errors.New("only the complete server, --stage 4, can be replaced")
	errNoProgram = errors.New("it is not known from which file the server was started, so only a restart can replace it")
)

// start begins to take requests by SIGUSR2. done has to be called when the server has ended.
func (u *upgrader) start() (done func()) {
	u.ending, u.end = context.WithCancelCause(context.Background())
	u.terminal = u.process.hadTerminal || hasTerminal(u.process)
	if u.options.stage < 4 {
		return u.stop
	}
	if former := u.process.inherited; former != nil {
		if former.again {
			select {
			case u.signals.requests <- syscall.SIGUSR2:
			default: // it has come again
			}
		}
		if u.process.hadTerminal && !u.process.ignoresHangup && !hasTerminal(u.process) { // it has closed meanwhile
			unix.Kill(os.Getpid(), syscall.SIGHUP)
		}
	}
	u.running.Go(func() {
		for {
			select {
			case <-u.signals.requests:
				u.Upgrade(u.ending) // logs why it failed
			case <-u.ending.Done():
				return
			}
		}
	})
	return u.stop
}

// stop ends an upgrade that is under way, and has none begin any more.
func (u *upgrader) stop() {
	u.end(errEnding)
	u.running.Wait()
	u.mu.Lock() // until one has ended that was begun otherwise
	defer u.mu.Unlock()
}

// Upgrade replaces the server by the program at its path. It returns only if that failed,
// and the server goes on.
func (u *upgrader) Upgrade(ctx context.Context) error {
	if !u.mu.TryLock() {
		return errUpgrading
	}
	defer u.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(u.ending, func() { cancel(errEnding) })()
	err := u.upgrade(ctx)
	if u.ending.Err() == nil && !errors.Is(err, errEnding) {
		u.logger.Error("the server was not replaced, and goes on as it was", "program", u.process.Program.Path, "reason", err)
	}
	return err
}

func (u *upgrader) upgrade(ctx context.Context) error {
	switch {
	case u.options.stage < 4:
		return errStage
	case u.process.Program.Path == "":
		return errNoProgram
	case u.ending.Err() != nil:
		return errEnding
	}
	select {
	case <-u.server.Serving():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	u.signals.begin()
	defer u.signals.cancel()
	file, err := newMemoryFile("sop-chat-state")
	if err != nil {
		return err
	}
	defer file.Close()
	input, err := u.standardInput()
	if err != nil {
		return err
	}
	defer input.Close()
	u.logger.Info("the server is about to be replaced", "program", u.process.Program.Path)
	c, err := startCandidate(u.process.Program, file, input)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.expect(ctx, configured); err != nil {
		return err
	}
	if err := u.keeper.err(); err != nil { // or the members would wait for it
		return err
	}
	if err := u.cluster.err(); err != nil { // and so would the next program
		return err
	}
	defer u.hold(ctx)()
	return u.freeze(ctx, func(state *handover.State) error { return u.goOn(ctx, c, state, file, input) })
}

// goOn replaces the program while the loops stand still, if the candidate says that it can
// go on with their state. It returns only if that failed.
func (u *upgrader) goOn(ctx context.Context, c *candidate, state *handover.State, file, input *os.File) error {
	if err := handover.Write(file, state); err != nil {
		return err
	}
	if err := c.tell(frozen); err != nil {
		return err
	}
	if err := c.expect(ctx, ready); err != nil {
		return err
	}
	c.end()
	return u.replace(ctx, state, file, input)
}

// standardInput returns what the next program reads: a key that this one has read from
// there is there again.
func (u *upgrader) standardInput() (*os.File, error) {
	if !u.readsInput() {
		return os.Open(os.DevNull)
	}
	f, err := newMemoryFile("sop-chat-key")
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(f, u.options.key+"\n")
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readsInput reports whether the key was read from standard input.
func (u *upgrader) readsInput() bool {
	return u.options.keyFile == "-" || u.options.keyFile == "/dev/stdin"
}

// replace replaces the program. It returns only if that failed.
func (u *upgrader) replace(ctx context.Context, state *handover.State, file, input *os.File) error {
	passing := []int{int(file.Fd())}
	state.Descriptors(func(fd int) int {
		passing = append(passing, fd)
		return fd
	})
	var stdin int
	if u.readsInput() {
		if _, err := input.Seek(0, io.SeekStart); err != nil { // the candidate has read it
			return err
		}
		stdin = int(input.Fd())
	}
	defer u.part()()
	return u.signals.replace(func() error {
		again, err := u.signals.take()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return execute(u.process.Program, passing, stdin, handed{int(file.Fd()), again}.String())
	})
}
