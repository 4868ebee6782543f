package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError says what is wrong with the arguments, the flags or the variables
// of a command.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...))
}

// flagError rewrites an error of the flag library.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown)
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s needs a value", missing.GetFlag().Name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usagef("--%s: %v", invalid.GetFlag().Name, errors.Unwrap(invalid))
	}
	return usageError(err.Error())
}

// unknownFlag returns an error with the flag, and of a group of one-letter flags
// only with the unknown one: -secret may well be a key.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	name := "--" + err.GetSpecifiedName()
	if err.GetSpecifiedShortnames() != "" {
		name = "-" + err.GetSpecifiedName()
	} else if !cmd.HasParent() {
		return usagef("there is no flag %s", name) // more likely a mistyped flag than a KEY
	}
	if what := mayBeginWithDash(cmd); what != "" {
		return usagef("there is no flag %s; a %s that begins with '-' goes after '--'", name, what)
	}
	return usagef("there is no flag %s", name)
}

// mayBeginWithDash returns which argument of a command may look like a flag.
func mayBeginWithDash(cmd *cobra.Command) string {
	switch arguments := cmd.Use; {
	case !cmd.HasParent():
		return "KEY"
	case strings.HasSuffix(arguments, " QUERY"):
		return "QUERY"
	case strings.HasSuffix(arguments, "[flags] FILE"):
		return "FILE"
	}
	return ""
}
