// Package command is the command line: a file for each command, and beside
// them what all of them need: flags and their environment variables, mistakes
// and failures put into words, help. It wires the other packages together and
// has none of their logic.
//
// It keeps no state and touches nothing of the process but what Run is handed
// and the signals; only main ends the process.
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

// A Process is what a command knows of the process it runs in.
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

	// Ends says that the process ends when Run returns, so that Run leaves
	// handlers of signals in place.
	Ends bool

	errIsTerminal bool // Stderr leads to one
}

// The exit statuses.
const (
	statusOK     = 0
	statusFailed = 1   // something failed at run time
	statusUsage  = 2   // wrong usage
	statusSignal = 128 // and the signal that ended what was not done, as shells have it
)

// lastWords is how long the process stays for a standard error that nobody
// reads.
const lastWords = 250 * time.Millisecond

// Run runs the command that the arguments name until it is done or ctx is, and
// returns the exit status. What went wrong it has said on standard error.
func Run(ctx context.Context, p Process) (status int) {
	p.errIsTerminal = isTerminal(p.Stderr)
	spool := newSpool(p.Stderr)
	defer spool.Close(lastWords)
	p.Stderr = spool

	outliveReaders()
	out := &checkedOutput{w: p.Stdout} // of what the command line itself has to say
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
			return statusOK // the reader has seen enough
		}
		fmt.Fprintf(p.Stderr, "sop-chat: %v\n", wrong)
		return statusFailed
	}
	if signal, ok := errors.AsType[signalError](err); ok {
		return statusSignal + int(signal)
	}
	fmt.Fprintf(p.Stderr, "sop-chat: %v\n", err)
	// What fails before the command begins is what cobra has to say about
	// the arguments.
	if _, wrong := errors.AsType[usageError](err); wrong || !begun {
		fmt.Fprintf(p.Stderr, "Try '%s --help'.\n", cmd.CommandPath())
		return statusUsage
	}
	return statusFailed
}

// newRoot returns the command sop-chat, which is the server, with all others
// below it.
func newRoot(p Process) *cobra.Command {
	root := newServe(p, run)
	root.AddCommand(newJoin(p, runJoin))
	root.AddCommand(newBench(p, runBench))
	root.AddCommand(newHistory(p))
	root.AddCommand(newLicenses(p))
	root.SetArgs(append([]string{}, p.Args...)) // never nil, or cobra takes os.Args
	root.SetIn(p.Stdin)
	root.SetErr(p.Stderr)
	root.SetHelpFunc(showHelp)
	root.SetFlagErrorFunc(flagError)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}
