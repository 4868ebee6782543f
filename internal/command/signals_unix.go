//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// systemEndSignals are this system's further signals that end a command in order:
// SIGXCPU says that it has used as much processor time as it may.
var systemEndSignals = []os.Signal{syscall.SIGXCPU}

// restartSignals are those by which a service manager says that it restarts the server
// (RestartKillSignal= of systemd).
var restartSignals = []os.Signal{syscall.SIGUSR1}

// allowBackgroundOutput lets the process write to its terminal while it is in the
// background. With "stty tostop" it would be stopped otherwise, and all clients
// with it.
func allowBackgroundOutput() { signal.Ignore(syscall.SIGTTOU) }
