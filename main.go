// Sop-chat is a group chat server for messages of 512 bytes. See the README
// for what it does and for the order in which its source reads best.
package main

import (
	"context"
	_ "embed"
	"os"

	"sop-chat/internal/command"
)

var (
	//go:embed LICENSE
	license string
	//go:embed THIRD_PARTY_NOTICES
	notices string // make licenses renews them
)

// A release sets these by the linker's -X; see docs/releasing.md.
var version, commit, date string

func main() {
	program, handover := command.OwnProgram()
	os.Exit(command.Run(context.Background(), command.Process{
		Args:      os.Args[1:],
		LookupEnv: os.LookupEnv,
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Ends:      true,
		OpenTerminal: func() (*os.File, error) {
			return os.OpenFile("/dev/tty", os.O_RDWR, 0) // Windows has none
		},
		Licenses: license + "\n" + notices,
		Program:  program,
		Handover: handover,
		Build:    command.Build{Version: version, Commit: commit, Date: date},
	}))
}
