package command

import (
	"cmp"
	"net"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A hostPort is where a server is.
type hostPort struct {
	host string
	port uint16
}

// readHostPort reads HOST:PORT. Without HOST it is this machine.
func readHostPort(text string) (hostPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return hostPort{}, usagef("%q is not HOST:PORT, such as localhost:9000 or [::1]:9000", text)
	}
	number, ok := parsePort(port)
	if !ok {
		return hostPort{}, usagef("port %q is not a number from 1 to 65535", port)
	}
	return hostPort{cmp.Or(host, "localhost"), number}, nil
}

// address returns HOST:PORT.
func (h hostPort) address() string { return net.JoinHostPort(h.host, strconv.Itoa(int(h.port))) }

// keyOptions are the options of all clients: the room's key.
type keyOptions struct {
	key     string
	keyFile string
	keyless bool // no key was given
}

// roomOptions are where a room is, and its key.
type roomOptions struct {
	hostPort
	keyOptions
}

func (r *keyOptions) defineKeyFile(flags *pflag.FlagSet) {
	define(flags, &r.keyFile, "key-file", "FILE", "", anyText,
		`Reads the room's key from a file ('-' is standard input). One line break at its end is not part of it.`)
}

// readArguments reads HOST:PORT and the key.
func (r *roomOptions) readArguments(cmd *cobra.Command, args []string, p Process) (err error) {
	if len(args) == 0 {
		return usagef("HOST:PORT is missing")
	}
	if len(args) > 1 {
		return usagef("there are %d arguments, not HOST:PORT alone; the key goes into a file (--key-file) or %s", len(args), keyVariable)
	}
	if r.hostPort, err = readHostPort(args[0]); err != nil {
		return err
	}
	return r.readKey(cmd, p)
}

// readKey reads the key from where the command line or the environment says.
func (r *keyOptions) readKey(cmd *cobra.Command, p Process) (err error) {
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
