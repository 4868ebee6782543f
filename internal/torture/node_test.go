//go:build linux

package torture

import (
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nodeVariable is the environment variable with a nodeConfig, as JSON.
const nodeVariable = "TORTURE_NODE"

// The ports of every node, which all have addresses of their own.
const (
	clientPort = 4222
	routePort  = 6222
)

// A nodeConfig says how a node of NATS is run.
type nodeConfig struct {
	Name   string
	Host   string
	Folder string
	Routes []string // URLs of other nodes; without any, it is in no cluster
}

// runNode runs a node until the process ends.
func runNode(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	options := &server.Options{
		ServerName: c.Name, Host: c.Host, Port: clientPort, NoSigs: true,
		JetStream: true, StoreDir: c.Folder, NoSystemAccount: false,
	}
	if len(c.Routes) > 0 {
		options.Cluster = server.ClusterOpts{
			Name: "torture", Host: c.Host, Port: routePort,
			// Neither clients nor nodes are to find a way around the links between them: what is
			// told of a node to the others leads nowhere.
			NoAdvertise: true, Advertise: "127.0.0.1:1",
			PingInterval: time.Second, MaxPingsOut: 2,
		}
	}
	for _, route := range c.Routes {
		u, err := url.Parse(route)
		if err != nil {
			return err
		}
		options.Routes = append(options.Routes, u)
	}
	s, err := server.NewServer(options)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return errors.New("the node has ended")
}
