package command

import (
	"fmt"
	"net"

	"github.com/spf13/pflag"
)

// metricsOptions say where metrics are told.
type metricsOptions struct {
	at       webAddress // without a port nowhere; without a host to this machine alone
	profiles bool
}

func (m *metricsOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &m.at, "metrics", "ADDRESS", "", metricsListen,
		`Tells monitoring how the server is doing, over HTTP: /metrics for Prometheus, /healthz and /readyz. `+
			`With a port alone (:9464) to this machine alone, with an address (0.0.0.0:9464) to others too.`)
	define(flags, &m.profiles, "metrics-pprof", "", "false", truth,
		`Serves profiles of the running program at --metrics, too, below /debug/pprof/.`)
}

// check reports options that have no effect.
func (m *metricsOptions) check(stage int) error {
	switch {
	case m.at.port != 0 && stage <= 2:
		return usagef("--metrics tells something from stage 3 on, not in stage %d", stage)
	case m.at.port == 0 && m.profiles:
		return usagef("--metrics-pprof is about what --metrics serves, so it needs --metrics")
	}
	return nil
}

// metricsListen reads where to listen: a port alone, with or without a colon before it, or
// an address with one.
func metricsListen(text string) (webAddress, error) {
	if text == "" {
		return webAddress{}, nil
	}
	if port, ok := parsePort(text); ok {
		return webAddress{port: port}, nil
	}
	host, port, err := net.SplitHostPort(text)
	number, ok := parsePort(port)
	if err != nil || !ok {
		return webAddress{}, fmt.Errorf("%q is not a port or an address with one, such as :9464 or 192.0.2.1:9464", text)
	}
	return webAddress{host, number}, nil
}
