//go:build linux

package torture

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What the environment may say of TestTorture.
const (
	durationVariable = "TORTURE_DURATION" // how long there are troubles
	seedVariable     = "TORTURE_SEED"     // of the troubles, and of what clients do
	majorityVariable = "TORTURE_MAJORITY" // if set, two nodes of three may be in trouble
)

// A cluster is nodes, servers, and clients that talk.
type cluster struct {
	t       *testing.T
	nats    *natsCluster
	servers []*chatServer
	load    *load
	began   time.Time
}

// Three servers on three nodes lose and double nothing, and have one order, while their
// processes are killed and stopped and the network between them fails, at random. In
// the end all recover.
func TestTorture(t *testing.T) {
	t.Parallel()
	duration, err := time.ParseDuration(cmp.Or(os.Getenv(durationVariable), "8s"))
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	majority := os.Getenv(majorityVariable) != ""
	t.Logf("%s=%d %s=%v", seedVariable, seed, durationVariable, duration)
	c := &cluster{t: t, nats: startNATS(t)}
	c.servers = startServers(t, c.nats, "--history", historyFile)
	var addresses []address
	for _, s := range c.servers {
		addresses = append(addresses, s.address)
	}
	c.load = startLoad(t, seed, addresses, 4, 3, 300*time.Millisecond, browsers(t, c.nats.host(21)))
	c.began = time.Now()
	c.suffer(plan(rand.New(rand.NewPCG(seed, 0)), duration, majority))
	// Elections take up to 9 s, of several groups one after the other.
	c.conclude(2 * time.Minute)
}

// suffer has all troubles of a plan begin and end when it is time.
func (c *cluster) suffer(troubles []trouble) {
	type moment struct {
		at    time.Duration
		index int
		begin bool
	}
	var moments []moment
	for i, f := range troubles {
		moments = append(moments, moment{f.at, i, true}, moment{f.at + f.lasts, i, false})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	ends := make(map[int]func())
	for _, m := range moments {
		if !c.load.pause(time.Until(c.began.Add(m.at))) {
			return
		}
		if m.begin {
			ends[m.index] = c.begin(troubles[m.index])
		} else {
			ends[m.index]()
		}
	}
}

// begin begins a trouble, and returns what ends it.
func (c *cluster) begin(f trouble) (end func()) {
	node := f.node
	if node == leading {
		var err error
		if node, err = c.nats.leader(clusterName); err != nil {
			node = int(f.at) % nodes // it has none, so that any will do
		}
	}
	if testing.Verbose() {
		c.t.Logf("%v (%s)", f, nodeName(node))
	}
	switch f.action {
	case killNode:
		return c.kill(c.nats.nodes[node])
	case stopNode:
		return stop(c.nats.nodes[node])
	case isolate:
		return fail(f.link, c.nats.route(node, (node+1)%nodes), c.nats.route(node, (node+2)%nodes))
	case part:
		return fail(f.link, c.nats.route(node, f.other))
	case killServer:
		c.load.add(Event{Kind: Killed, Server: int32(f.server)})
		return c.kill(c.servers[f.server].process)
	case stopServer:
		return stop(c.servers[f.server].process)
	case unlink:
		return fail(f.link, c.servers[f.server].links[node])
	case unlinkAll:
		return fail(f.link, c.servers[f.server].links...)
	}
	panic(fmt.Sprintf("there is no action %d", f.action))
}

// kill kills a process, and returns what starts it again.
func (c *cluster) kill(p *process) (start func()) {
	p.kill()
	return func() {
		if err := p.start(); err != nil {
			c.t.Error(err)
		}
	}
}

// stop stops a process, and returns what has it continue.
func stop(p *process) (continued func()) {
	p.signal(syscall.SIGSTOP)
	return func() { p.signal(syscall.SIGCONT) }
}

// fail has links fail, and returns what mends them.
func fail(s state, links ...*link) (mend func()) {
	for _, l := range links {
		l.set(s)
	}
	return func() {
		for _, l := range links {
			l.set(whole)
		}
	}
}

// conclude has everything judged, once all has recovered.
func (c *cluster) conclude(within time.Duration) {
	if judge(c.t, c.load, within); c.t.Failed() {
		c.keep()
	}
	var ending sync.WaitGroup
	for _, s := range c.servers {
		ending.Go(func() { s.finish(c.t) })
	}
	ending.Wait()
	expectSameHistories(c.t, c.servers)
	for _, node := range c.nats.nodes {
		for _, complaint := range node.complaints() {
			c.t.Error(complaint)
		}
	}
}

// keep says what state the stream is in, for what is looked at beside the history and the logs.
func (c *cluster) keep() {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	if s, err := c.nats.stream.Stream(ctx, clusterName); err == nil {
		c.t.Logf("the stream: %+v", *s.CachedInfo())
	}
}
