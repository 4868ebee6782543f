package command

import (
	"net"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// roomOptions are the options of all clients: where a room is, and its key.
type roomOptions struct {
	host    string
	port    uint16
	key     string
	keyFile string
	keyless bool // no key was given
}

func (r *roomOptions) defineKeyFile(flags *pflag.FlagSet) {
	define(flags, &r.keyFile, "key-file", "FILE", "", anyText,
		`Reads the room's key from a file ('-' is standard input). One line break at its end is not part of it.`)
}

// address returns HOST:PORT.
func (r *roomOptions) address() string {
	return net.JoinHostPort(r.host, strconv.Itoa(int(r.port)))
}

// readArguments reads HOST:PORT and the key.
func (r *roomOptions) readArguments(cmd *cobra.Command, args []string, p Process) error {
	if len(args) == 0 {
		return usagef("HOST:PORT is missing")
	}
	if len(args) > 1 {
		return usagef("there are %d arguments, not HOST:PORT alone; the key goes into a file (--key-file) or %s", len(args), keyVariable)
	}
	host, port, err := net.SplitHostPort(args[0])
	if err != nil {
		return usagef("%q is not HOST:PORT, such as localhost:9000 or [::1]:9000", args[0])
	}
	number, ok := parsePort(port)
	if !ok {
		return usagef("port %q is not a number from 1 to 65535", port)
	}
	r.host, r.port = host, number
	if host == "" {
		r.host = "localhost"
	}
	if inVariable, _ := p.LookupEnv(keyVariable); inVariable == "" && r.keyFile == "" {
		r.keyless = true
		return nil
	}
	source := keySource{file: r.keyFile, fileByFlag: cmd.Flags().Changed("key-file")}
	if r.key, err = source.read(p); err != nil {
		return err
	}
	return checkKey(r.key, true)
}

// errNoKey means that no key was given, and nobody can be asked for it.
var errNoKey = usagef("the key is missing: give it in a file with --key-file, or in %s", keyVariable)
