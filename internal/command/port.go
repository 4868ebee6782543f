package command

import (
	"strconv"

	"github.com/spf13/cobra"
)

// portVariable holds PORT for command lines without arguments.
const portVariable = "SOP_CHAT_PORT"

// readPort returns PORT: the first argument, or else that of the variable, or of the
// configuration file. The first argument is never KEY, so that a variable that is still
// set does not change the meaning of a command line. lacksKey says that KEY is needed,
// and missing too.
func readPort(cmd *cobra.Command, args []string, p Process, c *configuration, lacksKey bool) (uint16, error) {
	inVariable, _ := p.LookupEnv(portVariable)
	switch {
	case len(args) > 0:
		port, ok := parsePort(args[0])
		if !ok {
			return 0, badPort(cmd, args, inVariable != "")
		}
		return port, nil
	case inVariable != "":
		port, ok := parsePort(inVariable)
		if !ok {
			return 0, usagef("%s: %q is not a number from 1 to 65535", portVariable, inVariable)
		}
		return port, nil
	}
	if text, set := c.value(portName); set {
		port, _ := parsePort(text) // which was checked
		return port, nil
	}
	if lacksKey {
		return 0, usagef("PORT and KEY are missing: give them as arguments, or in %s and %s%s", portVariable, keyVariable, c.alsoHas("port and key"))
	}
	return 0, usagef("PORT is missing: give it as the argument, or in %s%s", portVariable, c.alsoHas("port"))
}

// badPort returns an error that says that the first argument is not a port, and
// what may be meant. It does not repeat an argument that may be the key.
func badPort(cmd *cobra.Command, args []string, inVariable bool) error {
	word := args[0]
	if len(args) > 1 {
		if _, ok := parsePort(args[1]); ok {
			return usagef("PORT comes before KEY, and the first argument is not a number from 1 to 65535")
		}
	} else if inVariable {
		return usagef("the first argument is PORT even if %s is set, and it is not a number from 1 to 65535; "+
			"KEY goes after PORT, into a file (--key-file) or into %s", portVariable, keyVariable)
	}
	if similar := cmd.SuggestionsFor(word); word != "" && len(similar) > 0 {
		return usagef("%q is neither a port nor a command; is %q meant?", word, similar[0])
	}
	return usagef("port %q is not a number from 1 to 65535", word)
}

// parsePort parses a port that a server can listen on.
func parsePort(text string) (port uint16, ok bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n != 0
}
