package command

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandOptions are a command's options: flags, variables and arguments.
type commandOptions interface {
	// defineFlags defines all flags except --help, in the order of the help.
	defineFlags(flags *pflag.FlagSet)
	// readArguments reads the arguments and checks all options. It is called after
	// the flags have their values.
	readArguments(cmd *cobra.Command, args []string, p Process) error
}

// newCommand completes a command that has its name and its help. The command sets
// o, and then calls run.
func newCommand(p Process, cmd *cobra.Command, o commandOptions, run func(context.Context) error) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs // readArguments checks them
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := readConfiguration(cmd.Flags(), p)
		if err != nil {
			return err
		}
		settings, err := applySettings(cmd.Flags(), p, c)
		if err != nil {
			return err
		}
		if o, ok := o.(configurable); ok {
			o.configure(c)
		}
		if err := o.readArguments(cmd, args, p); err != nil {
			return located(err, c.name(), settings)
		}
		return run(cmd.Context())
	}
	cmd.Flags().SortFlags = false
	o.defineFlags(cmd.Flags())
	cmd.Flags().BoolP("help", "h", false, "Shows this help.")
	return cmd
}

// newGroup completes a command that has others below it, and does nothing itself.
func newGroup(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.DisableFlagsInUseLine = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		all := strings.Join(names, ", ")
		if len(args) == 0 {
			return usagef("a command is missing: %s", all)
		}
		return usagef("%q is none of the commands: %s", args[0], all)
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolP("help", "h", false, "Shows this help.")
	cmd.AddCommand(below...)
	return cmd
}
