package cluster

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// natsWait bounds what tests wait for; nothing should take as long.
const natsWait = time.Minute

// natsOptions returns those of a server on a free port, with JetStream in a folder of the test.
func natsOptions(t testing.TB) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), DisableJetStreamBanner: true,
	}
}

// startNATS starts a server, which ends with the test or before. Its port is in the options then, so
// that another one can take its place.
func startNATS(t testing.TB, options *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stopNATS(s) })
	if !s.ReadyForConnections(natsWait) {
		t.Fatal("the server of NATS did not start")
	}
	options.Port = s.Addr().(*net.TCPAddr).Port
	return s
}

func stopNATS(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// testConfig returns that of a cluster on a server.
func testConfig(url string) NATSConfig {
	return NATSConfig{URLs: []string{url}, Label: "test", Settings: Settings{Name: "chat", Replicas: 1, Keep: time.Hour}}
}

// openTestNATS opens the stream, or fails the test.
func openTestNATS(t testing.TB, config NATSConfig) *NATS {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	n, err := OpenNATS(ctx, config, func(err error) { t.Logf("missing: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	n.heartbeat = 100 * time.Millisecond
	t.Cleanup(n.Close)
	return n
}

// eventually fails the test if a condition does not come true.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(natsWait)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, natsWait)
		}
	}
}

// A cable is what a NATS is connected through in a test. It can be cut, and can be made to swallow
// what the server says.
type cable struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	ends  map[net.Conn]bool
	mute  bool
	bytes sync.WaitGroup
}

func newCable(t testing.TB, to string) *cable {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener, to: to, ends: make(map[net.Conn]bool)}
	c.bytes.Go(c.accept)
	t.Cleanup(func() {
		listener.Close()
		c.cut()
		c.bytes.Wait()
	})
	return c
}

func (c *cable) url() string { return "nats://" + c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.to)
		if err != nil {
			client.Close()
			continue
		}
		c.mu.Lock()
		c.ends[client], c.ends[server] = true, true
		c.mu.Unlock()
		c.bytes.Go(func() { _, _ = io.Copy(server, client); server.Close() })
		c.bytes.Go(func() { c.answers(client, server); client.Close() })
	}
}

// answers passes on what the server says, or swallows it.
func (c *cable) answers(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		c.mu.Lock()
		mute := c.mute
		c.mu.Unlock()
		if mute {
			continue
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *cable) setMute(mute bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = mute
}

// cut ends all connections; there can be new ones.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.ends {
		end.Close()
	}
	clear(c.ends)
}

// lastOf returns the sequence of the stream's last message, as the server itself has it.
func lastOf(t testing.TB, js jetstream.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), "chat")
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}
