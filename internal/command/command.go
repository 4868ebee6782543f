// Package command is the command line. It has a file for each command, and others
// for what all commands need: flags and their environment variables, error
// messages, and help. It wires the other packages together and has none of their
// logic.
//
// It keeps no state, and of the process it only uses what Run is given and the
// signals. Only main ends the process.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sop-chat/internal/terminal"
)

// A Process is what a command uses of the process that it runs in.
type Process struct {
	Args      []string // without the program's name
	LookupEnv func(variable string) (value string, set bool)
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	// OpenTerminal opens the terminal that the process belongs to, if there is
	// one, whatever its standard streams are.
	OpenTerminal func() (*os.File, error)
	// Licenses are the texts of the program's license and of those of the modules
	// that it contains.
	Licenses string
	// Program is how the process was started, and Handover what the program left to it
	// whose place it takes, if there was one. See OwnProgram.
	Program  Program
	Handover string
	Build    Build

	// Ends says that the process ends when Run returns. Signal handlers stay in
	// place then.
	Ends bool

	errIsTerminal bool      // Stderr is one, behind its spool
	warnings      io.Writer // Stderr, for what a server warns of at its start

	// Of a server.
	screen      io.Writer    // what the console writes to, if not Stdout
	ends        []os.Signal  // that end it
	flushLog    func()       // has what was logged be written
	inherited   *inheritance // nil if it takes nobody's place
	sockets     managerSockets
	hadTerminal bool // the one had a terminal whose place it takes

	ignoresHangup bool // SIGHUP was ignored from the beginning, as with nohup

	isServer bool // the command is typed at the terminal of a server
}

// The exit statuses.
const (
	statusOK     = 0
	statusFailed = 1   // something failed at run time
	statusUsage  = 2   // wrong usage
	statusSignal = 128 // plus the number of the signal that interrupted the command
)

// stderrTimeout is how long the process waits at its end for a standard error that
// nobody reads.
const stderrTimeout = 250 * time.Millisecond

// Run runs the command that the arguments name until it or ctx is done. It writes
// errors to standard error, and returns the exit status.
func Run(ctx context.Context, p Process) (status int) {
	p.errIsTerminal = isTerminal(p.Stderr)
	spool := newSpool(p.Stderr)
	defer spool.Close(stderrTimeout)
	p.Stderr = spool

	ignoreBrokenPipes()
	out := &checkedOutput{w: p.Stdout} // for help and the version
	root := newRoot(p)
	root.SetOut(out)
	begun := false
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true }

	cmd, err := root.ExecuteContextC(ctx)
	if out.failed != nil {
		err = out.failed
	}
	if err == nil {
		return statusOK
	}
	if wrong, ok := errors.AsType[outputError](err); ok {
		if terminal.IsBrokenPipe(wrong) {
			return statusOK // such as head
		}
		reportFailure(cmd, p, wrong, "")
		return statusFailed
	}
	if signal, ok := errors.AsType[signalError](err); ok {
		return statusSignal + int(signal)
	}
	if _, wrong := errors.AsType[configError](err); wrong {
		reportFailure(cmd, p, err, "")
		return statusUsage
	}
	// An error before the command begins is one of cobra's, about the arguments.
	if _, wrong := errors.AsType[usageError](err); wrong || !begun {
		reportFailure(cmd, p, err, fmt.Sprintf("Try '%s --help'.", cmd.CommandPath()))
		return statusUsage
	}
	reportFailure(cmd, p, err, "")
	return statusFailed
}

// newRoot returns the command sop-chat, which is the server, with the other
// commands below it.
func newRoot(p Process) *cobra.Command {
	root := newServe(p, run)
	root.AddCommand(newJoin(p, runJoin))
	root.AddCommand(newBench(p, runBench))
	root.AddCommand(newHistory(p))
	root.AddCommand(newAdmin(p, callSocket(p)))
	root.AddCommand(newKey(p))
	root.AddCommand(newConfig(p))
	root.AddCommand(newHealth(p))
	root.AddCommand(newLicenses(p))
	root.AddCommand(newHandoverCheck(p, checkHandover))
	root.AddCommand(newCompletion(p))
	root.AddCommand(newMan(p))
	root.SetArgs(append([]string{}, p.Args...)) // never nil, or cobra takes os.Args
	root.SetIn(p.Stdin)
	root.SetErr(p.Stderr)
	root.SetHelpFunc(showHelp)
	root.SetFlagErrorFunc(flagError)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true // there is our own
	if asksForCompletions(p.Args) {
		prepareCompletions(root)
	}
	return root
}
