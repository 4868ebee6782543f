package command

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sop-chat/internal/cluster"
)

// clusterOptions say of which cluster the server is.
type clusterOptions struct {
	urls     []string // of NATS; none: the server is alone
	name     string
	server   string // "": the machine's name and PORT
	replicas int
	keep     time.Duration
	creds    string
	nkey     string
	ca       string
	cert     string
	key      string
}

// defaultCluster is the default of --cluster-name.
const defaultCluster = "sop-chat"

func (c *clusterOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &c.urls, "cluster", "URLS", "", natsURLs,
		`Makes one chat of several servers, on NATS with JetStream: where that is, such as `+
			`nats://a:4222,nats://b:4222, with tls:// for TLS. What is said at one server is delivered at all, in one order. `+
			`All of them need the same rooms and keys. docs/cluster.md has more.`)
	define(flags, &c.name, "cluster-name", "NAME", defaultCluster, anyText,
		`The name of the cluster and of its stream: letters, digits, - and _.`)
	define(flags, &c.server, "cluster-server", "NAME", "", anyText,
		`The name of this server, which no other of the cluster has. Without it, it is that of the machine and PORT.`)
	define(flags, &c.replicas, "cluster-replicas", "N", "3", wholeNumber(1, 5),
		`How many servers of NATS keep each message: 1, 3 or 5. What anybody has received is lost only if most of these lose it.`)
	define(flags, &c.keep, "cluster-keep", "AGE", "7d", age,
		`How long the stream keeps messages, at least 10m: for servers that are away, and new ones.`)
	define(flags, &c.creds, "cluster-creds", "FILE", "", anyText,
		`A file of credentials for NATS, as nsc writes it.`)
	define(flags, &c.nkey, "cluster-nkey", "FILE", "", anyText,
		`A file with the seed of an NKey for NATS.`)
	define(flags, &c.ca, "cluster-ca", "FILE", "", anyText,
		`A file with the certificates of the authorities that NATS' own may be from, in place of the system's.`)
	define(flags, &c.cert, "cluster-cert", "FILE", "", anyText,
		`A file with a certificate that is shown to NATS. It needs --cluster-key.`)
	define(flags, &c.key, "cluster-key", "FILE", "", anyText,
		`The file with the private key of --cluster-cert.`)
}

// isOn reports whether the server belongs to a cluster.
func (c *clusterOptions) isOn() bool { return len(c.urls) > 0 }

// check reports options that have no effect, or can't be.
func (c *clusterOptions) check(o *serveOptions) error {
	if !c.isOn() {
		for _, given := range []struct{ flag, value string }{
			{"cluster-server", c.server},
			{"cluster-creds", c.creds},
			{"cluster-nkey", c.nkey},
			{"cluster-ca", c.ca},
			{"cluster-cert", c.cert},
			{"cluster-key", c.key},
		} {
			if given.value != "" {
				return usagef("--%s is about a cluster, and there is none without --cluster", given.flag)
			}
		}
		return nil
	}
	if o.stage <= 3 {
		return usagef("--cluster takes effect in stage 4, not in stage %d", o.stage)
	}
	if (c.cert == "") != (c.key == "") {
		return usagef("--cluster-cert and --cluster-key are given together, or neither")
	}
	if o.history != "" && o.historySync == 0 {
		return usagef("--history-sync 0 does not go with --cluster: a message is on the disks of NATS before anybody receives it")
	}
	if err := c.settings().Check(); err != nil {
		return usagef("--cluster: %v", err)
	}
	if c.server == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("the machine's name is not known (%w); --cluster-server gives the server one", err)
		}
		c.server = fmt.Sprintf("%s-%d", host, o.port)
	}
	return nil
}

// settings returns what the stream is to be.
func (c *clusterOptions) settings() cluster.Settings {
	return cluster.Settings{Name: c.name, Replicas: c.replicas, Keep: c.keep}
}

// natsURLs reads where NATS is.
func natsURLs(text string) (all []string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			if text == "" {
				return nil, nil
			}
			return nil, errors.New("an address of NATS is missing beside a comma")
		}
		full := part
		if !strings.Contains(full, "://") {
			full = "nats://" + full
		}
		u, err := url.Parse(full)
		if err != nil || u.Host == "" {
			return nil, errors.New("one of the addresses is no URL like nats://host:4222") // it may have a password
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return nil, fmt.Errorf("%s:// is nothing that NATS speaks; nats:// and tls:// are", u.Scheme)
		}
		all = append(all, full)
	}
	return all, nil
}
