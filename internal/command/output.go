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

// lastMessages is how long the process stays for a standard output that nobody
// reads.
const lastMessages = 500 * time.Millisecond

// show starts to show on standard output what happens in a room from now on,
// as --console says. Once the log is closed, wait returns when all of it was
// shown, or when nobody reads it.
func show(log *broadcast.Log, o serveOptions, p Process, logger *slog.Logger) (wait func()) {
	if o.console == "off" {
		return func() {}
	}
	c := console.New(p.Stdout, consoleOptions(o, p, logger))
	follower := log.FollowSkipping()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx, follower) // fails only by stop
	}()
	return func() {
		defer stop()
		select {
		case <-done:
		case <-time.After(lastMessages):
			logger.Warn("nobody reads standard output; the last messages are left out")
		}
	}
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

// showNames has the log show the names of clients as the console does: slog
// escapes what acts on a terminal, and not what nobody can see.
func showNames(_ []string, a slog.Attr) slog.Attr {
	if name := a.Value.String(); a.Key == "name" && name != "" {
		return slog.String(a.Key, string(console.EscapeName(nil, []byte(name))))
	}
	return a
}

// hasColours reports whether standard output is to have colours.
func hasColours(p Process) bool {
	return isTerminal(p.Stdout) && obeysSequences(p) && wantsColours(p)
}

// wantsColours reports whether the user has not said that there are to be none.
func wantsColours(p Process) bool {
	noColor, _ := p.LookupEnv("NO_COLOR") // see no-color.org
	return noColor == ""
}

// obeysSequences reports whether a terminal, if there is one, knows escape
// sequences: any does that says what it is and is not dumb.
func obeysSequences(p Process) bool {
	kind, _ := p.LookupEnv("TERM")
	return kind != "" && kind != "dumb" || runtime.GOOS == "windows"
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
