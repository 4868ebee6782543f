package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/pflag"
)

// settings are what the command line says.
type settings struct {
	listen  string
	store   string
	name    string
	cluster string
	routes  string
	peers   []string
	sync    string
	verbose bool
}

const help = `Run a server of NATS with JetStream, to try a cluster of chat servers on one machine.

  sop-nats --store DIRECTORY
  sop-nats --store DIRECTORY --name a --listen 127.0.0.1:4222 --routes 127.0.0.1:6222 \
           --peers 127.0.0.1:6222,127.0.0.1:6223,127.0.0.1:6224

It knows no users and no TLS, so it listens at loopback addresses only.

`

// parse returns what the arguments say.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := pflag.NewFlagSet("sop-nats", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.StringVar(&s.listen, "listen", "127.0.0.1:4222", "`ADDRESS` for chat servers")
	flags.StringVar(&s.store, "store", "", "`DIRECTORY` for the streams (required)")
	flags.StringVar(&s.name, "name", "", "`NAME` of this server, another one for each (the address by default)")
	flags.StringVar(&s.cluster, "cluster-name", "sop-nats", "`NAME` of the servers together")
	flags.StringVar(&s.routes, "routes", "", "`ADDRESS` for the other servers, if there are any")
	flags.StringSliceVar(&s.peers, "peers", nil, "`ADDRESSES` of all servers' --routes, with commas")
	flags.StringVar(&s.sync, "sync", "always", "when what is stored is made to survive a power failure: always, or each `DURATION`")
	flags.BoolVar(&s.verbose, "verbose", false, "show all that NATS logs, not only warnings")
	flags.Usage = func() { fmt.Fprint(stderr, help, flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("%q is not understood; see --help", flags.Arg(0))
	case s.store == "":
		return s, errors.New("say where the streams are to be stored: --store DIRECTORY")
	case s.routes == "" && len(s.peers) > 0:
		return s, errors.New("a server with --peers needs an address for them: --routes ADDRESS")
	}
	return s, nil
}

// options returns the settings as NATS wants them.
func (s *settings) options() (*server.Options, error) {
	listen, err := loopback("--listen", s.listen)
	if err != nil {
		return nil, err
	}
	if s.name == "" {
		s.name = listen.String()
	}
	options := &server.Options{
		ServerName: s.name, Host: listen.Addr().String(), Port: port(listen),
		JetStream: true, StoreDir: s.store,
		NoSigs: true, DisableJetStreamBanner: true,
	}
	if s.sync == "always" {
		options.SyncAlways = true
	} else {
		options.SyncInterval, err = time.ParseDuration(s.sync)
		if err != nil || options.SyncInterval <= 0 {
			return nil, fmt.Errorf("--sync %s: say always, or a time such as 10s", s.sync)
		}
	}
	if s.routes == "" {
		return options, nil
	}
	routes, err := loopback("--routes", s.routes)
	if err != nil {
		return nil, err
	}
	options.Cluster = server.ClusterOpts{Name: s.cluster, Host: routes.Addr().String(), Port: int(routes.Port())}
	for _, peer := range s.peers {
		address, err := loopback("--peers", peer)
		if err != nil {
			return nil, err
		}
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: address.String()})
	}
	return options, nil
}

// port returns the port to listen at; 0 is any.
func port(address netip.AddrPort) int {
	if address.Port() == 0 {
		return server.RANDOM_PORT
	}
	return int(address.Port())
}

// loopback returns an address of a flag, which nobody on another machine can reach.
func loopback(flag, text string) (netip.AddrPort, error) {
	address, err := netip.ParseAddrPort(text)
	switch {
	case err != nil:
		return address, fmt.Errorf("%s %s: say an address with a port, such as 127.0.0.1:4222", flag, text)
	case !address.Addr().IsLoopback():
		return address, fmt.Errorf("%s %s: anybody could connect there; for several machines run nats-server itself, with users and TLS", flag, text)
	}
	return address, nil
}
