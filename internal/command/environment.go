package command

import (
	"strings"

	"github.com/spf13/pflag"

	"sop-chat/internal/config"
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

// applySettings sets the flags that the command line did not set from their variables, and
// else from the configuration file. Such a flag does not count as changed. An empty
// variable counts as not set. It returns all settings, with where they come from.
func applySettings(flags *pflag.FlagSet, p Process, c *configuration) (map[string]config.Value, error) {
	settings, err := mergeSettings(flags, p, c, nil)
	if err != nil {
		return nil, err
	}
	var wrong error
	flags.VisitAll(func(f *pflag.Flag) {
		v := settings[f.Name]
		if wrong != nil || v.Layer != config.Variable && v.Layer != config.InFile {
			return
		}
		if err := f.Value.Set(v.Text); err != nil {
			wrong = usagef("%s: %v", v.Origin, err)
		}
	})
	return settings, wrong
}

// mergeSettings returns all settings of a command: those of its flags, and of arguments
// that a configuration file may have.
func mergeSettings(flags *pflag.FlagSet, p Process, c *configuration, arguments map[string]string) (map[string]config.Value, error) {
	sources := config.Sources{Variables: make(map[string]string), Lookup: p.LookupEnv, Flags: flags, Arguments: arguments}
	flags.VisitAll(func(f *pflag.Flag) {
		if hasVariable(f) {
			sources.Variables[f.Name] = variable(f.Name)
		}
	})
	if flags.Lookup("config") != nil {
		sources.Variables[portName], sources.Variables[keyName] = portVariable, keyVariable
	}
	if c != nil {
		sources.File = c.atStart
	}
	return config.Merge(sources)
}
