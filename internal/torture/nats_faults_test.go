//go:build linux

package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A counting publishes numbers to a stream, each once, by the last sequence that it
// expects.
type counting struct {
	t      *testing.T
	c      *natsCluster
	js     jetstream.JetStream
	stream string
	err    error  // of the last try
	last   uint64 // sequence, and number
}

// publish publishes the next number, whatever happens meanwhile.
func (p *counting) publish() {
	p.t.Helper()
	ok := eventually(time.Minute, func() bool {
		ctx, cancel := context.WithTimeout(p.t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := p.js.Publish(ctx, p.stream, []byte(fmt.Sprint(p.last+1)), jetstream.WithExpectLastSequence(p.last), jetstream.WithRetryAttempts(0))
		var refused *jetstream.APIError
		if p.err = err; err != nil && !errors.As(err, &refused) {
			p.js.Conn().ForceReconnect() // the node may be cut off from all others
		}
		// If it had arrived, as it turns out, there is one more than was expected. There may
		// also be fewer, in a leader that is none any more.
		return err == nil || errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence &&
			strings.HasSuffix(refused.Description, fmt.Sprint(": ", p.last+1))
	})
	if !ok {
		p.t.Fatalf("in vain tried to publish %d: %v", p.last+1, p.err)
	}
	p.last++
}

// Three nodes are a cluster in which a stream of three replicas goes on while one of
// them is killed, the leader too, stopped or cut off, or while a client's link is cut,
// and nothing finds a way around a link.
func TestNodes(t *testing.T) {
	t.Parallel()
	c := startNATS(t)
	var urls string
	var links []*link
	for i := range nodes {
		links = append(links, newLink(t, c.host(9), c.address(i)))
		urls += ",nats://" + links[i].address()
	}
	conn, err := nats.Connect(urls[1:], nats.DontRandomize(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	config := jetstream.StreamConfig{Name: "numbers", Subjects: []string{"numbers"}, Replicas: nodes, Storage: jetstream.FileStorage}
	if !eventually(time.Minute, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = js.CreateOrUpdateStream(ctx, config)
		return err == nil
	}) {
		t.Fatal(err)
	}
	p := &counting{t: t, c: c, js: js, stream: config.Name}
	some := func() {
		for range 20 {
			p.publish()
		}
	}
	leader := func() (node int) {
		if !eventually(time.Minute, func() (found bool) {
			node, err = c.leader(config.Name)
			return err == nil
		}) {
			t.Fatal(err)
		}
		return node
	}
	some()
	killed := leader()
	c.nodes[killed].kill()
	some()
	if err := c.nodes[killed].start(); err != nil {
		t.Fatal(err)
	}
	links[0].set(cut)
	some()
	if conn.ConnectedAddr() == links[0].address() || len(conn.DiscoveredServers()) > 0 {
		t.Errorf("the client is connected to %s, and has heard of %q", conn.ConnectedAddr(), conn.DiscoveredServers())
	}
	links[0].set(whole)
	stopped := c.nodes[(leader()+1)%nodes]
	stopped.signal(syscall.SIGSTOP)
	some()
	stopped.signal(syscall.SIGCONT)
	alone := (leader() + 2) % nodes
	routes := []*link{c.route(alone, (alone+1)%nodes), c.route(alone, (alone+2)%nodes)}
	mend := fail(cut, routes...)
	if !eventually(time.Minute, func() bool { return c.isSilent(config.Name, alone) }) {
		t.Errorf("%s is still reached without its links", nodeName(alone))
	}
	some()
	mend()
	some()
	c.expectNumbers(t, config.Name, p.last)
	for _, node := range c.nodes {
		for _, complaint := range node.complaints() {
			t.Error(complaint)
		}
	}
}

// isSilent reports whether the leader of a stream has heard nothing of a node for some
// heartbeats.
func (c *natsCluster) isSilent(name string, node int) bool {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	s, err := c.stream.Stream(ctx, name)
	if err != nil || s.CachedInfo().Cluster == nil {
		return false
	}
	return slices.ContainsFunc(s.CachedInfo().Cluster.Replicas, func(p *jetstream.PeerInfo) bool {
		return p.Name == nodeName(node) && p.Active > 3*time.Second
	})
}

// expectNumbers expects a stream to have the numbers up to last, in order.
func (c *natsCluster) expectNumbers(t *testing.T, name string, last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := uint64(1); n <= last+1; n++ {
		var got *jetstream.RawStreamMsg
		var err error
		eventually(30*time.Second, func() bool {
			var s jetstream.Stream
			if s, err = c.stream.Stream(ctx, name); err == nil {
				got, err = s.GetMsg(ctx, n)
			}
			return err == nil || n > last && errors.Is(err, jetstream.ErrMsgNotFound)
		})
		switch {
		case n == last+1 && !errors.Is(err, jetstream.ErrMsgNotFound):
			t.Errorf("behind the last there is one more: %v", err)
		case n <= last && (err != nil || string(got.Data) != strconv.FormatUint(n, 10)):
			t.Fatalf("%d is %v, %v", n, got, err)
		}
	}
}
