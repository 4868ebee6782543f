//go:build linux

package torture

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// An action is what a fault does.
type action uint8

const (
	killNode   action = iota // and start it again
	stopNode                 // and have it continue
	isolate                  // a node from the other nodes
	part                     // two nodes
	killServer               // and start it again
	stopServer               // and have it continue
	unlink                   // a server from a node
	unlinkAll                // a server from all nodes
)

// leading stands for the node that leads the stream when the fault begins.
const leading = -1

// A trouble is a fault of the network, of a node or of a server, for a time.
type trouble struct {
	at, lasts   time.Duration // since the beginning
	action      action
	node, other int   // which nodes; node may be leading
	server      int   // which server
	link        state // what links do
}

func (f trouble) String() string {
	node := "the leader"
	if f.node != leading {
		node = nodeName(f.node)
	}
	what := ""
	switch f.action {
	case killNode:
		what = node + " killed"
	case stopNode:
		what = node + " stopped"
	case isolate:
		what = fmt.Sprintf("%s and all other nodes: %v", node, f.link)
	case part:
		what = fmt.Sprintf("%s and %s: %v", node, nodeName(f.other), f.link)
	case killServer:
		what = serverName(f.server) + " killed"
	case stopServer:
		what = serverName(f.server) + " stopped"
	case unlink:
		what = fmt.Sprintf("%s and %s: %v", serverName(f.server), node, f.link)
	case unlinkAll:
		what = fmt.Sprintf("%s and all nodes: %v", serverName(f.server), f.link)
	}
	return fmt.Sprintf("%v %s, for %v", f.at.Round(time.Millisecond), what, f.lasts.Round(time.Millisecond))
}

// plan returns troubles for a time, in the order in which they begin. All are over when
// it is over. At any time one node is in trouble at most, so that a majority is not; if
// majority is set, two may be.
func plan(random *rand.Rand, duration time.Duration, majority bool) (troubles []trouble) {
	tracks := []func() trouble{
		func() trouble { return ofNode(random) },
		func() trouble { return ofServer(random) },
		func() trouble { return ofLink(random) },
	}
	if majority {
		tracks = append(tracks, tracks[0])
	}
	for _, next := range tracks {
		for at := between(random, 0, 2*time.Second); ; {
			f := next()
			f.at = at
			if at += f.lasts; at > duration {
				break
			}
			troubles = append(troubles, f)
			at += between(random, 500*time.Millisecond, 4*time.Second)
		}
	}
	slices.SortStableFunc(troubles, func(a, b trouble) int { return cmp.Compare(a.at, b.at) })
	return troubles
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// lasting returns how long a trouble lasts: often not long enough to be noticed.
func lasting(random *rand.Rand) time.Duration {
	if random.IntN(3) == 0 {
		return between(random, 2*time.Second, 8*time.Second)
	}
	return between(random, 100*time.Millisecond, 2*time.Second)
}

func failing(random *rand.Rand) state { return slow + state(random.IntN(3)) }

func ofNode(random *rand.Rand) trouble {
	f := trouble{action: action(random.IntN(4)), node: random.IntN(nodes), lasts: lasting(random), link: failing(random)}
	f.other = (f.node + 1 + random.IntN(nodes-1)) % nodes
	if f.action != part && random.IntN(2) == 0 {
		f.node = leading
	}
	return f
}

func ofServer(random *rand.Rand) trouble {
	return trouble{action: killServer + action(random.IntN(2)), server: random.IntN(servers), lasts: lasting(random)}
}

func ofLink(random *rand.Rand) trouble {
	f := trouble{action: unlink, server: random.IntN(servers), node: random.IntN(nodes), lasts: lasting(random), link: failing(random)}
	if random.IntN(3) == 0 {
		f.action = unlinkAll
	}
	return f
}

// A seed's plan is always the same, has all troubles in the end, no two of one process
// at the same time, and leaves a majority of the nodes alone.
func TestPlan(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for seed := range uint64(50) {
		const duration = 2 * time.Minute
		troubles := plan(rand.New(rand.NewPCG(seed, 0)), duration, false)
		if again := plan(rand.New(rand.NewPCG(seed, 0)), duration, false); !slices.Equal(troubles, again) {
			t.Fatal("a seed has two plans")
		}
		var nodesUntil, serversUntil time.Duration
		for _, f := range troubles {
			seen[fmt.Sprint(f.action, f.node == leading, f.link)] = true
			until := &nodesUntil
			switch f.action {
			case killServer, stopServer:
				until = &serversUntil
			case unlink, unlinkAll:
				until = new(time.Duration)
			}
			if f.at < *until || f.at+f.lasts > duration {
				t.Fatalf("seed %d: %v begins before another is over, or is not over at the end", seed, f)
			}
			*until = f.at + f.lasts
		}
	}
	if want := 2*(2*3) + 2*3 + 3 + 2 + 2*3; len(seen) != want {
		t.Errorf("there are %d kinds of troubles, want %d", len(seen), want)
	}
}
