package command

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const completionExamples = `  source <(sop-chat completion bash)
      completes in this bash; as a line of ~/.bashrc, in every new one

  sop-chat completion zsh > ~/.zfunc/_sop-chat
      completes in every new zsh, if ~/.zshrc has: fpath+=~/.zfunc; autoload -U
      compinit; compinit

  sop-chat completion fish > ~/.config/fish/completions/sop-chat.fish
      completes in every new fish

  sop-chat completion powershell | Out-String | Invoke-Expression
      completes in this PowerShell; as a line of $PROFILE, in every new one`

const completionAbout = `
SHELL is bash, zsh, fish or powershell. The script for it is written to standard
output. It asks the program itself what may come next, so it does not become out of
date. bash needs the package bash-completion.

Commands, flags, names of files and the rooms of a history are completed, and the
values of flags that take one of some words. The packages for Debian and Fedora have
the scripts in their places.`

// shells are those for which there is a script, and what writes it.
var shells = []struct {
	name  string
	write func(root *cobra.Command, out io.Writer) error
}{
	{"bash", func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) }},
	{"zsh", (*cobra.Command).GenZshCompletion},
	{"fish", func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) }},
	{"powershell", (*cobra.Command).GenPowerShellCompletionWithDesc},
}

// newCompletion returns the command that writes a shell's script for completion.
func newCompletion(p Process) *cobra.Command {
	var o completionOptions
	cmd := &cobra.Command{
		Use:     "completion SHELL",
		Short:   "Writes a script by which a shell completes commands.",
		Long:    completionAbout,
		Example: completionExamples,

		DisableFlagsInUseLine: true,
	}
	for _, shell := range shells {
		cmd.ValidArgs = append(cmd.ValidArgs, shell.name)
	}
	return newCommand(p, cmd, &o, func(context.Context) error {
		return o.write(cmd.Root(), &checkedOutput{w: p.Stdout})
	})
}

// completionOptions are the options of the command completion.
type completionOptions struct {
	write func(root *cobra.Command, out io.Writer) error
}

func (*completionOptions) defineFlags(*pflag.FlagSet) {}

func (o *completionOptions) readArguments(cmd *cobra.Command, args []string, _ Process) error {
	switch {
	case len(args) == 0:
		return usagef("SHELL is missing: %s", strings.Join(cmd.ValidArgs, ", "))
	case len(args) > 1:
		return usagef("%q is one argument too many", args[1])
	}
	if _, err := oneOf(cmd.ValidArgs...)(args[0]); err != nil {
		return usageError(err.Error())
	}
	o.write = shells[slices.Index(cmd.ValidArgs, args[0])].write
	return nil
}

// asksForCompletions reports whether arguments are a question of a shell's script.
func asksForCompletions(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// prepareCompletions has the arguments and the values of flags completed, of a command
// and those below it. Without that, shells suggest files for all of them.
func prepareCompletions(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = completeArgument
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		value, isSetting := f.Value.(interface{ words() []string })
		switch _, ofRoom := f.Annotations[roomOfFile]; {
		case ofRoom:
			complete = completeRoom
		case isPath(f.Value.Type()):
			complete = completePath(f.Value.Type())
		case isSetting:
			complete = cobra.FixedCompletions(value.words(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
		}
		cmd.RegisterFlagCompletionFunc(f.Name, complete)
		f.Usage = firstSentence(f.Usage)
	})
	for _, sub := range cmd.Commands() {
		prepareCompletions(sub)
	}
}

// completeArgument completes an argument that stands for a file or a folder, by what the
// command's Use calls it.
func completeArgument(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	names := argumentNames(cmd)
	if len(args) >= len(names) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completePath(names[len(args)])(cmd, args, begun)
}

// argumentNames returns what a command's Use calls its arguments.
func argumentNames(cmd *cobra.Command) []string {
	names := strings.Fields(cmd.Use)[1:]
	return slices.DeleteFunc(names, func(name string) bool { return name == "[flags]" })
}

// isPath reports whether the name of a value or an argument stands for a path. That of
// CA is of a file, too.
func isPath(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "|"), func(one string) bool {
		return one == "FILE" || one == "PATH" || one == "DIR" || one == "CA"
	})
}

// completePath completes a path, if the name of what is completed stands for one.
func completePath(name string) cobra.CompletionFunc {
	directive := cobra.ShellCompDirectiveNoFileComp
	switch {
	case name == "DIR":
		directive = cobra.ShellCompDirectiveFilterDirs
	case isPath(name):
		directive = cobra.ShellCompDirectiveDefault
	}
	return cobra.FixedCompletions(nil, directive)
}

// completeBeginning returns a function that completes what the first argument begins
// with.
func completeBeginning(beginnings ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 {
			return nil, directive
		}
		return slices.DeleteFunc(slices.Clone(beginnings), func(beginning string) bool {
			return !strings.HasPrefix(beginning, begun)
		}), directive
	}
}

// completeEach returns a function that completes each argument as another does the first.
func completeEach(first cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return first(cmd, nil, begun)
	}
}

// firstSentence returns the first sentence of a flag's help, which shells show beside
// it, without the full stop.
func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}
