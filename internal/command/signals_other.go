//go:build !unix

package command

import "os"

var systemEndSignals []os.Signal

func allowBackgroundOutput() {}
