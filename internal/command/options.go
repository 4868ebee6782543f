package command

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandOptions are what a command was told, by flags, variables and arguments.
type commandOptions interface {
	// defineFlags defines the flags but --help, in the order in which help shows
	// them.
	defineFlags(flags *pflag.FlagSet)
	// readArguments takes the arguments, and checks all options. Flags have their
	// values by then.
	readArguments(cmd *cobra.Command, args []string, p Process) error
}

// newCommand completes a command, which has its name and its help: it sets o,
// and then calls run.
func newCommand(p Process, cmd *cobra.Command, o commandOptions, run func(context.Context) error) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs // told apart in readArguments
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := applyEnvironment(cmd.Flags(), p); err != nil {
			return err
		}
		if err := o.readArguments(cmd, args, p); err != nil {
			return err
		}
		return run(cmd.Context())
	}
	cmd.Flags().SortFlags = false
	o.defineFlags(cmd.Flags())
	cmd.Flags().BoolP("help", "h", false, "Shows this help.")
	return cmd
}
