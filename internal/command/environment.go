package command

import (
	"strings"

	"github.com/spf13/pflag"
)

// variable returns the environment variable that sets a flag: SOP_CHAT_ and
// the flag's name.
func variable(flag string) string {
	return "SOP_CHAT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// onlyShows reports whether a flag sets nothing, but has something shown.
func onlyShows(f *pflag.Flag) bool { return f.Name == "help" || f.Name == "version" }

// withoutVariable annotates flags whose variable has another meaning for the server.
const withoutVariable = "without variable"

// hasVariable reports whether a flag can be set in the environment.
func hasVariable(f *pflag.Flag) bool {
	_, without := f.Annotations[withoutVariable]
	return !onlyShows(f) && !without
}

// applyEnvironment sets the flags that the command line did not set from their
// variables. Such a flag does not count as changed. An empty variable counts as
// not set.
func applyEnvironment(flags *pflag.FlagSet, p Process) error {
	var wrong error
	flags.VisitAll(func(f *pflag.Flag) {
		if wrong != nil || f.Changed || !hasVariable(f) {
			return
		}
		text, _ := p.LookupEnv(variable(f.Name))
		if text == "" {
			return
		}
		if err := f.Value.Set(text); err != nil {
			wrong = usagef("%s: %v", variable(f.Name), err)
		}
	})
	return wrong
}
