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

// show starts to show a room on standard output from now on, in the format of
// --console. Once the log is closed, wait returns when everything is shown, or
// after a timeout if nobody reads it.
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
		case <-time.After(stdoutTimeout):
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
