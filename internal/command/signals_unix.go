//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// systemEndings are the signals of this system that end a command in order: it has
// used as much processor time as it may.
var systemEndings = []os.Signal{syscall.SIGXCPU}

// printInBackground lets the process write to its terminal while others are in the
// foreground. With "stty tostop" it would be stopped otherwise, and all clients
// with it.
func printInBackground() { signal.Ignore(syscall.SIGTTOU) }
