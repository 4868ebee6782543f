package command

import "github.com/spf13/cobra"

// newHandoverCheck returns the command that a running server calls to see whether this
// program can take its place. It has the arguments of the server.
func newHandoverCheck(p Process, check serveFunc) *cobra.Command {
	return &cobra.Command{
		Use:                "handover-check",
		Short:              "Tells a running server whether this program can take its place.",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Args = args
			serve := newServe(p, check)
			serve.SetArgs(append([]string{}, args...)) // never nil, as in newRoot
			serve.SetIn(p.Stdin)
			serve.SetErr(p.Stderr)
			serve.SetFlagErrorFunc(flagError)
			serve.SilenceErrors, serve.SilenceUsage = true, true
			return serve.ExecuteContext(cmd.Context())
		},
	}
}
