package command

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isRefusal reports whether nobody listens on a port.
func isRefusal(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
