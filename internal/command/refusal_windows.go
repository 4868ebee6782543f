package command

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isRefusal reports whether an error means that nobody listens on a port.
func isRefusal(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
