// Sop-chat is a group chat server for messages of 512 bytes. See the README
// for what it does and for the order in which its source reads best.
package main

import (
	"context"
	"os"

	"sop-chat/internal/command"
)

func main() {
	os.Exit(command.Run(context.Background(), command.Process{
		Args:      os.Args[1:],
		LookupEnv: os.LookupEnv,
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		OpenTerminal: func() (*os.File, error) {
			return os.OpenFile("/dev/tty", os.O_RDWR, 0) // Windows has none
		},
	}))
}
