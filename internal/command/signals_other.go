//go:build !unix

package command

import "os"

var systemEndSignals, restartSignals []os.Signal

func allowBackgroundOutput() {}
