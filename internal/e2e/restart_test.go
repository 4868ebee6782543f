package e2e

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// All pages come back after a restart, with all that was said, each message once; and
// two members that talk meanwhile notice nothing of it. SOP_CHAT_E2E_TABS=10000 is as
// many as after the restart of a large server, with the page's own pauses.
func TestRestartWithPages(t *testing.T) {
	tabs := scaled(200, 2000)
	if n, err := strconv.Atoi(os.Getenv("SOP_CHAT_E2E_TABS")); err == nil {
		tabs = n
	}
	needDescriptors(t, uint64(tabs+1000))
	for _, test := range []struct {
		what   string
		signal syscall.Signal
		flags  []string
		place  func(i int, c *crowd) *tab
	}{
		{"at an address each", syscall.SIGTERM, nil, func(i int, c *crowd) *tab {
			return &tab{crowd: c, from: netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)})}
		}},
		{"behind a proxy", syscall.SIGKILL, []string{"--trusted-proxy", "127.0.0.1"}, func(i int, c *crowd) *tab {
			return &tab{crowd: c, from: loopback, forwarded: fmt.Sprintf("10.1.%d.%d", i>>8, i&255)}
		}},
		{"at one address, after SIGTERM", syscall.SIGTERM, nil, func(_ int, c *crowd) *tab { return &tab{crowd: c, from: loopback} }},
		{"at one address, after SIGKILL", syscall.SIGKILL, nil, func(_ int, c *crowd) *tab { return &tab{crowd: c, from: loopback} }},
	} {
		t.Run(test.what, func(t *testing.T) {
			flags := append([]string{"--history", historyFile(t), "--history-sync", "0", "--replay", "10", "--max-clients", "0", "--console", "off"}, test.flags...)
			srv := startWeb(t, flags...)
			c := &crowd{webPort: srv.webPort, pause: pagePause}
			c.isServed.Store(true)
			before := startTalk(t, srv.server, c)
			c.enter(t, tabs, func(i int) *tab { return test.place(i, c) })
			inside := before.waitForMore(t, 20)
			before.stop()

			begun := time.Now()
			c.isServed.Store(false)
			srv.signal(test.signal)
			srv.waitEnd()
			eventually(t, "no tab is in the room", func() bool { return c.inside.Load() == 0 })
			again := startWebAt(t, srv.port, srv.webPort, flags...)
			up := time.Now()
			c.isServed.Store(true)
			meanwhile := startTalk(t, again.server, c)
			c.waitInside(t, tabs)
			back := time.Now()
			after := meanwhile.waitForMore(t, 20)
			meanwhile.stop()
			c.waitHave(t)

			t.Logf("the server was away for %v; all %d tabs were back %v later",
				up.Sub(begun).Round(time.Millisecond), tabs, back.Sub(up).Round(time.Millisecond))
			if unreachable, cut, answered, refused := c.unreachable.Load(), c.cut.Load(), c.answered.Load(), c.refused.Load(); unreachable+cut+answered+refused > 0 {
				t.Errorf("of the tries of %d tabs %d found no server while there was one, %d were cut off by it, %d got another answer than a WebSocket, and %d were not admitted",
					tabs, unreachable, cut, answered, refused)
			}
			t.Logf("a message between two members took:")
			t.Logf("  while all were in:     %v", latencyOf(before.took[inside:]))
			l := latencyOf(meanwhile.took[:after])
			t.Logf("  while they came back:  %v", l)
			t.Logf("  when all were back:    %v", latencyOf(meanwhile.took[after:]))
			if l.p99 > noticeable {
				t.Errorf("while %d tabs come back, members notice it", tabs)
			}
		})
	}
}

// noticeable is what a person notices, on a machine that is busy otherwise.
const noticeable = 500 * time.Millisecond

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// pagePause is the page's window, see pause.js; that of fewer tabs is shorter.
func pagePause(try, code int) time.Duration {
	first := 3 * time.Second
	if code == goingAway {
		first = 8 * time.Second
	}
	return min(16*time.Second, first<<min(try, 10)) / time.Duration(pauseDivisor())
}

// needDescriptors skips a test for which a process may not open as many.
func needDescriptors(t testing.TB, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		testenv.Lacks(t, fmt.Sprintf("%d descriptors for each process; ulimit -Hn says %d", n, limit.Max))
	}
}

// enter brings tabs into the room. At the test's end it checks that no promise to them
// was broken.
func (c *crowd) enter(t *testing.T, tabs int, place func(i int) *tab) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, tabs)
	var running sync.WaitGroup
	t.Cleanup(func() {
		stop()
		running.Wait()
		close(failed)
		n := 0
		for err := range failed {
			if n++; n <= 5 {
				t.Error(err)
			}
		}
	})
	const atOnce = 50
	for i := range tabs {
		tab := place(i)
		c.tabs = append(c.tabs, tab)
		running.Go(func() {
			if err := tab.run(ctx); err != nil {
				failed <- err
			}
		})
		if i%atOnce == atOnce-1 {
			c.waitInside(t, i+1)
		}
	}
	c.waitInside(t, tabs)
}

// waitInside waits until as many tabs are in the room and have caught up.
func (c *crowd) waitInside(t testing.TB, tabs int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d tabs are in the room", tabs), func() bool { return c.inside.Load() >= int64(tabs) })
}

// waitHave waits until every tab has all that was said.
func (c *crowd) waitHave(t testing.TB) {
	t.Helper()
	eventually(t, "every tab has all messages", func() bool {
		said := c.said.Load()
		return !slices.ContainsFunc(c.tabs, func(t *tab) bool { return t.have.Load() != said })
	})
}

// A talk is two members of which one says something every so often.
type talk struct {
	count atomic.Int64
	took  []time.Duration
	stop  func()
}

// pauseDivisor shortens the pauses of the page where there are fewer pages.
func pauseDivisor() int {
	if os.Getenv("SOP_CHAT_E2E_TABS") == "" {
		return 8
	}
	return 1
}

// talkEvery is how often. One message to 10,000 members takes a loop some 50 ms.
var talkEvery = time.Duration(scaled(20, 200)) * time.Millisecond

func startTalk(t testing.TB, srv *server, c *crowd) *talk {
	t.Helper()
	speaker, listener := join(t, srv, "speaker"), join(t, srv, "listener")
	talk := new(talk)
	ended := make(chan struct{})
	spoken := beside(t, func() error {
		tick := time.NewTicker(talkEvery)
		defer tick.Stop()
		for {
			n := strconv.FormatUint(c.said.Add(1), 10)
			begun := time.Now()
			m := message("speaker", n)
			if _, err := speaker.Write(m[:]); err != nil {
				return err
			}
			for got := (wire.Message{}); got != m; { // it is sent those before again
				if _, err := io.ReadFull(listener, got[:]); err != nil {
					return err
				}
			}
			talk.took = append(talk.took, time.Since(begun))
			talk.count.Add(1)
			select {
			case <-tick.C:
			case <-ended:
				return nil
			}
		}
	})
	talk.stop = sync.OnceFunc(func() {
		close(ended)
		wait(spoken)
		speaker.Close()
		listener.Close()
	})
	t.Cleanup(talk.stop)
	return talk
}

// waitForMore waits until more messages were heard, and returns how many were before.
func (k *talk) waitForMore(t testing.TB, messages int64) (before int64) {
	t.Helper()
	before = k.count.Load()
	eventually(t, "the members talk", func() bool { return k.count.Load() >= before+messages })
	return before
}

// A latency is how long some messages took.
type latency struct {
	p50, p99, longest time.Duration
	messages          int
}

func latencyOf(took []time.Duration) latency {
	took = slices.Sorted(slices.Values(took))
	last := len(took) - 1
	return latency{took[last/2], took[last*99/100], took[last], len(took)}
}

func (l latency) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, the longest %v, of %d", l.p50, l.p99, l.longest, l.messages)
}
