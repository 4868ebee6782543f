package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A usageError says what is wrong with the way the command was called: with
// its arguments, its flags or its variables.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...))
}

// flagError puts into our words what the flag library has to say.
func flagError(_ *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(unknown)
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s needs a value", missing.GetFlag().Name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usagef("--%s: %v", invalid.GetFlag().Name, errors.Unwrap(invalid))
	}
	return usageError(err.Error())
}

// unknownFlag names the flag, and of a group of one-letter flags only the one
// that is unknown: -secret may well be a key.
func unknownFlag(err *pflag.NotExistError) error {
	if err.GetSpecifiedShortnames() == "" {
		return usagef("there is no flag --%s", err.GetSpecifiedName())
	}
	return usagef("there is no flag -%s; a KEY that begins with '-' goes after '--'",
		err.GetSpecifiedName())
}
