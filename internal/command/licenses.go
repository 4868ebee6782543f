package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const licensesAbout = `
The program's own license comes first, then each Go module that it contains,
with the text of that module's license.`

const licensesExamples = `  sop-chat licenses | less
      shows them page by page`

// newLicenses returns the command that shows the licenses of the program and of
// the modules that it contains.
func newLicenses(p Process) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "licenses",
		Short:   "Shows the licenses of the program and of what it contains.",
		Long:    licensesAbout,
		Example: licensesExamples,
	}
	return newCommand(p, cmd, licensesOptions{}, func(context.Context) error {
		_, err := fmt.Fprint(cmd.OutOrStdout(), p.Licenses)
		return err
	})
}

// licensesOptions has no options.
type licensesOptions struct{}

func (licensesOptions) defineFlags(*pflag.FlagSet) {}

func (licensesOptions) readArguments(_ *cobra.Command, args []string, _ Process) error {
	if len(args) > 0 {
		return usagef("licenses takes no arguments; leave %q out", args[0])
	}
	return nil
}
