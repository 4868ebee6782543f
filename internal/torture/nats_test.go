//go:build linux

package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// network returns the beginning of the addresses of a network of the loopback interface
// that nothing else is likely to use.
func network() string {
	return fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), 1+rand.IntN(254))
}

// nodes is how many there are of NATS.
const nodes = 3

// A natsCluster is the nodes, each a process with an address of its own, and the links
// between them. Those between them and others are made with link.
type natsCluster struct {
	t       testing.TB
	network string
	nodes   [nodes]*process
	routes  map[[2]int]*link // between two nodes, the smaller number first
	conn    *nats.Conn       // without a link, for what the tests ask
	stream  jetstream.JetStream
}

// startNATS starts the nodes, and waits until they are a cluster.
func startNATS(t testing.TB) *natsCluster {
	c := &natsCluster{t: t, network: network(), routes: make(map[[2]int]*link)}
	folder := t.TempDir()
	for i := range nodes {
		// With three nodes in a circle there is one route between any two, and each has one to
		// seek, without which it would not be in a cluster.
		j := (i + 1) % nodes
		l := newLink(t, c.host(i), net.JoinHostPort(c.host(j), strconv.Itoa(routePort)))
		c.routes[[2]int{min(i, j), max(i, j)}] = l
		routes := []string{"nats://" + l.address()}
		name := nodeName(i)
		c.nodes[i] = startNode(t, nodeConfig{Name: name, Host: c.host(i), Folder: folder + "/" + name, Routes: routes})
	}
	var urls []string
	for i := range nodes {
		urls = append(urls, "nats://"+c.address(i))
	}
	var err error
	c.conn, err = nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.RetryOnFailedConnect(true), nats.PingInterval(time.Second), nats.Timeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.conn.Close)
	if c.stream, err = jetstream.New(c.conn, jetstream.WithDefaultTimeout(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	if !eventually(time.Minute, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = c.stream.AccountInfo(ctx)
		return err == nil
	}) {
		t.Fatalf("in vain waited for JetStream: %v", err)
	}
	return c
}

// startNode runs a node.
func startNode(t testing.TB, c nodeConfig) *process {
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	node := newProcess(t, c.Name, func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(environment(), nodeVariable+"="+string(config))
		return cmd
	})
	if err := node.start(); err != nil {
		t.Fatal(err)
	}
	return node
}

func nodeName(i int) string { return fmt.Sprint("n", i+1) }

func (c *natsCluster) host(i int) string { return c.network + strconv.Itoa(i+1) }

func (c *natsCluster) address(i int) string {
	return net.JoinHostPort(c.host(i), strconv.Itoa(clientPort))
}

// route returns the link between two nodes.
func (c *natsCluster) route(i, j int) *link { return c.routes[[2]int{min(i, j), max(i, j)}] }

var errNoLeader = errors.New("the stream has no leader")

// leader returns which node leads a stream.
func (c *natsCluster) leader(name string) (int, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	s, err := c.stream.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	if cluster := s.CachedInfo().Cluster; cluster != nil {
		for i := range nodes {
			if cluster.Leader == nodeName(i) {
				return i, nil
			}
		}
	}
	return 0, errNoLeader
}
