package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gochat "sop-chat/client"
	"sop-chat/internal/wire"
)

// Whatever thousands of strangers send to the ports of a server, or don't, people that
// chat there meanwhile receive everything, and when the strangers are gone, nothing of
// them is left: no descriptor, and no memory beyond a bound.
func TestStrangers(t *testing.T) {
	t.Parallel()
	const perSecond, growth = 20, 64 << 20 // messages of each of those that chat; bytes
	certFile, keyFile, trusting := certificateFiles(t)
	tlsPort, webPort := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	srv := start(t, "--max-clients", "0", "--console", "off", "--auth-timeout", "2s", "--stall-timeout", "2s",
		"--tls", tlsPort, "--web", webPort, "--tls-cert", certFile, "--tls-key", keyFile)
	ports := []string{srv.address(), tlsPort, webPort}
	var chatters []*chatter
	for i := range 4 {
		secure := gochat.WithTLS(trusting)
		chatters = append(chatters,
			startChatter(t, srv.address(), fmt.Sprint("tcp ", i)),
			startChatter(t, tlsPort, fmt.Sprint("tls ", i), secure),
			startChatter(t, "https://"+webPort, fmt.Sprint("web ", i), secure))
	}
	chat := startChat(chatters, time.Second/perSecond)
	alone := chat.during(func() { <-time.After(time.Duration(scaled(2, 10)) * time.Second) })
	sockets, memory := srv.sockets(), srv.memory()

	peak := 0
	beside := chat.during(func() {
		var running sync.WaitGroup
		var left atomic.Int64
		left.Store(int64(scaled(400, 20_000)))
		next := time.NewTicker(time.Millisecond) // so that they leave others some of the processor
		defer next.Stop()
		for range scaled(100, 1000) {
			running.Go(func() {
				for left.Add(-1) >= 0 {
					<-next.C
					visitBadly(t.Context(), ports)
				}
			})
		}
		done := make(chan struct{})
		go func() { running.Wait(); close(done) }()
		for isDone := false; !isDone; {
			select {
			case <-done:
				isDone = true
			case <-time.After(50 * time.Millisecond):
			}
			peak = max(peak, srv.memory())
		}
	})
	eventually(t, "the strangers are gone", func() bool { return srv.sockets() == sockets })
	chat.end(t)
	t.Logf("p99 was %v alone, and %v beside strangers; memory was %d KiB, and %d at most", alone, beside, memory>>10, peak>>10)
	if peak > memory+growth {
		t.Errorf("memory grew from %d to %d bytes", memory, peak)
	}
}

// A chatter is somebody that chats: it says numbers, and hears those of the others.
type chatter struct {
	*gochat.Client
	heard map[string]int // by name, the number that comes next
	said  atomic.Int64
}

func startChatter(t testing.TB, addr, name string, options ...gochat.Option) *chatter {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	c, err := gochat.Dial(ctx, addr, name, key, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &chatter{Client: c, heard: make(map[string]int)}
}

// A conversation is what chatters say to each other.
type conversation struct {
	chatters []*chatter
	stop     chan struct{}
	talking  sync.WaitGroup
	hearing  sync.WaitGroup
	errs     chan error

	mu     sync.Mutex
	delays []time.Duration // of what was heard
}

// startChat has each chatter say something at an interval.
func startChat(chatters []*chatter, interval time.Duration) *conversation {
	c := &conversation{chatters: chatters, stop: make(chan struct{}), errs: make(chan error, 2*len(chatters))}
	for _, who := range chatters {
		c.hearing.Go(func() { c.errs <- c.hear(who) })
		c.talking.Go(func() { c.errs <- c.talk(who, interval) })
	}
	return c
}

// talk says numbers, with the time.
func (c *conversation) talk(who *chatter, interval time.Duration) error {
	next := time.NewTicker(interval)
	defer next.Stop()
	for {
		select {
		case <-c.stop:
			return nil
		case <-next.C:
		}
		if err := who.Send(context.Background(), fmt.Sprintf("%d %d", who.said.Load(), time.Now().UnixNano())); err != nil {
			return fmt.Errorf("%s says something: %w", who.Name(), err)
		}
		who.said.Add(1)
	}
}

// hear reads what the others say, until all have said their last.
func (c *conversation) hear(who *chatter) error {
	left := len(c.chatters) - 1
	for m, err := range who.Receive(context.Background()) {
		if err != nil {
			return fmt.Errorf("%s hears: %w", who.Name(), err)
		}
		if m.Text == lastWord {
			if left--; left == 0 {
				return nil
			}
			continue
		}
		number, at, _ := strings.Cut(m.Text, " ")
		nano, err := strconv.ParseInt(at, 10, 64)
		if err != nil || number != strconv.Itoa(who.heard[m.Name]) {
			return fmt.Errorf("%s hears %q of %q, want number %d", who.Name(), m.Text, m.Name, who.heard[m.Name])
		}
		who.heard[m.Name]++
		c.mu.Lock()
		c.delays = append(c.delays, time.Since(time.Unix(0, nano)))
		c.mu.Unlock()
	}
	return errors.New(who.Name() + " hears no more")
}

const lastWord = "bye"

// during returns within which time 99 of 100 messages were heard while something was done.
func (c *conversation) during(do func()) time.Duration {
	c.mu.Lock()
	c.delays = nil
	c.mu.Unlock()
	do()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.delays)
	if len(c.delays) == 0 {
		return 0
	}
	return c.delays[len(c.delays)*99/100]
}

// end ends the chat, and checks that everybody has heard everything.
func (c *conversation) end(t testing.TB) {
	t.Helper()
	close(c.stop)
	c.talking.Wait()
	for _, who := range c.chatters {
		if err := who.Send(context.Background(), lastWord); err != nil {
			t.Error(err)
		}
	}
	c.hearing.Wait()
	close(c.errs)
	for err := range c.errs {
		if err != nil {
			t.Error(err)
		}
	}
	for _, who := range c.chatters {
		for _, other := range c.chatters {
			if n, want := who.heard[other.Name()], int(other.said.Load()); other != who && n != want {
				t.Errorf("%s heard %d of %d messages of %s", who.Name(), n, want, other.Name())
			}
		}
	}
}

// visitBadly connects to one of some ports, from one of many addresses, with TLS or without,
// does there what no client does, and goes in one way or another.
func visitBadly(ctx context.Context, ports []string) {
	dialer := net.Dialer{
		Timeout:   testTimeout,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+rand.IntN(250)), byte(rand.IntN(250)), byte(1+rand.IntN(250)))},
	}
	plain, err := dialer.DialContext(ctx, "tcp4", ports[rand.IntN(len(ports))])
	if err != nil {
		return // evicted, banned, or no more sockets here
	}
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(rand.N(3 * time.Second)))
	conn := plain
	if rand.IntN(3) == 0 {
		secure := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
		if secure.HandshakeContext(ctx) == nil {
			conn = secure
		}
	}
	if doBadly := nuisances[rand.IntN(len(nuisances))]; doBadly != nil {
		doBadly(conn)
	}
	switch tcp := plain.(*net.TCPConn); rand.IntN(4) {
	case 0:
		tcp.SetLinger(0) // a reset
	case 1:
		tcp.CloseWrite()
		io.Copy(io.Discard, tcp)
	case 2:
		io.Copy(io.Discard, conn) // until the server has had enough
	}
}

// nuisances are what strangers do with a connection. None of them gives the key and goes
// on like a client.
var nuisances = []func(net.Conn){
	nil, // nothing at all
	say(strings.Repeat("\xff", wire.Size)),
	say("\x00"),
	say("half of a name"),
	say(strings.Repeat("garbage\x00\r\n", 10_000)),
	say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
	say("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "),
	say("GET / HTTP/1.1\r\n" + strings.Repeat("X-Large: "+strings.Repeat("x", 1000)+"\r\n", 100)),
	say("POST /api/room HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nbody"),
	say("PROXY TCP4 198.51.100.1 203.0.113.1 1 2\r\n"),
	say("\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"),
	say(upgrade),
	say(upgrade + openFrame),
	say(upgrade + openFrame + strings.Repeat("a", 33*wire.Size)),
	say(upgrade + "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"),
	say(upgrade + "\x82\x7e\x02\x00" + strings.Repeat("a", wire.Size)), // not masked
	say(upgrade + strings.Repeat("\x89\x80\x00\x00\x00\x00", 10_000)),  // pings
	say(upgrade + authFrame("guess")),
	guess,
	dripSlowly,
}

func say(words string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, words) }
}

// guess gives a wrong key.
func guess(c net.Conn) {
	m := message("mallory", "key"+strconv.Itoa(rand.IntN(1e9)))
	c.Write(m[:])
}

// dripSlowly sends a byte at a time.
func dripSlowly(c net.Conn) {
	m := message("mallory", "key")
	for _, b := range m[:20] {
		if _, err := c.Write([]byte{b}); err != nil && !os.IsTimeout(err) {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}
