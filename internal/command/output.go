package command

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"time"

	"golang.org/x/term"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/console"
)

// stdoutTimeout is how long the process waits at its end for a standard output that
// nobody reads.
const stdoutTimeout = 500 * time.Millisecond

// A display shows rooms on standard output, in the format of --console. If that is off,
// its console is nil, and it does nothing.
type display struct {
	console *console.Console
	stop    context.CancelFunc
	done    chan struct{}
	logger  *slog.Logger
}

// show starts a display. It shows no room yet.
func show(o serveOptions, p Process, former console.Former, logger *slog.Logger) *display {
	d := &display{logger: logger}
	if o.console == "off" {
		return d
	}
	out := p.Stdout
	if p.screen != nil {
		out = p.screen
	}
	options := consoleOptions(o, p, logger)
	options.Former = former
	d.console = console.New(out, options)
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		d.console.Run(ctx) // fails only by stop
	}()
	return d
}

// follow shows a room from now on, until its log is closed. If it has a name, its lines
// tell that.
func (d *display) follow(log *broadcast.Log, room string) {
	if d.console != nil {
		d.console.Follow(log, room)
	}
}

// wait is called when all logs are closed, or are about to be. It returns when
// everything is shown, or after a timeout if nobody reads it.
func (d *display) wait() {
	if d.console == nil {
		return
	}
	d.console.Finish()
	select {
	case <-d.done:
	case <-time.After(stdoutTimeout):
		d.logger.Warn("nobody reads standard output; the last messages are left out")
	}
}

// flush shows what has happened, and returns what another program needs to go on.
func (d *display) flush(ctx context.Context) (console.Former, error) {
	if d.console == nil {
		return console.Former{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stdoutTimeout)
	defer cancel()
	return d.console.Flush(ctx)
}

func consoleOptions(o serveOptions, p Process, logger *slog.Logger) console.Options {
	options := console.Options{Logger: logger, HideKeys: o.hidesKeys()}
	if o.console == "json" {
		options.Format = console.JSON
	}
	options.Times = isTerminal(p.Stdout)
	options.Colours = hasColours(p)
	return options
}

// close ends the display at once.
func (d *display) close() {
	if d.stop != nil {
		d.stop()
	}
}

// showNames shows the names of clients and rooms in the log as the console does. slog
// escapes control characters, but not invisible ones.
func showNames(_ []string, a slog.Attr) slog.Attr {
	if name := a.Value.String(); (a.Key == "name" || a.Key == "room") && name != "" {
		return slog.String(a.Key, string(console.EscapeName(nil, []byte(name))))
	}
	return a
}

// hasColours reports whether to write colours to standard output.
func hasColours(p Process) bool {
	return isTerminal(p.Stdout) && obeysSequences(p) && wantsColours(p)
}

// wantsColours reports whether the user has not switched colours off.
func wantsColours(p Process) bool {
	noColor, _ := p.LookupEnv("NO_COLOR") // see no-color.org
	return noColor == ""
}

// obeysSequences reports whether a terminal, if there is one, knows escape
// sequences: TERM is set, and not to dumb.
func obeysSequences(p Process) bool {
	kind, _ := p.LookupEnv("TERM")
	return kind != "" && kind != "dumb" || runtime.GOOS == "windows"
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
