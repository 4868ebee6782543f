package command

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"
)

// actorKey is the key in the log of who did something.
const actorKey = "by"

// The words for where the server's socket is.
const (
	adminAuto = "auto"
	adminOff  = "off"
)

func (o *serveOptions) defineAdmin(flags *pflag.FlagSet) {
	define(flags, &o.admin, "admin", "PATH", adminAuto, adminPlace,
		`The socket at which 'sop-chat admin' reaches the server, for its own user alone. auto is PORT.sock in the folder `+
			`sop-chat of XDG_RUNTIME_DIR, or else in /run/sop-chat if there is that, or else none. off is none.`)
	define(flags, &o.commands, "commands", "", "false", truth,
		`Takes the commands of 'sop-chat admin' at the terminal, too, below what is printed there, if standard input and `+
			`standard output are one. Tab completes them.`)
	define(flags, &o.serverName, "server-name", "NAME", "server", shownName,
		`The name under which the server itself says something, for --announce, --motd and 'sop-chat admin say'.`)
}

// adminPlace checks where the socket is to be.
func adminPlace(text string) (string, error) {
	if text == adminAuto || text == adminOff || filepath.IsAbs(text) || filepath.Base(text) != text && text != "" {
		return text, nil
	}
	return "", fmt.Errorf("%q is neither auto, off nor a path, such as /run/sop-chat/9000.sock or ./admin.sock", text)
}

// adminPort returns the port by which the server's socket is named.
func (o *serveOptions) adminPort() uint16 {
	if o.tls.noPlain {
		return o.tls.at.port
	}
	return o.port
}
