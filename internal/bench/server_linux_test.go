package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// overBoth runs a test over each transport, since here both work.
func overBoth(t *testing.T, what string, test func(t *testing.T, over transport)) {
	t.Helper()
	t.Run(what+" over epoll", func(t *testing.T) {
		epoll, err := newTransport()
		if err != nil {
			t.Fatal(err)
		}
		defer epoll.close()
		test(t, epoll)
	})
	t.Run(what+" over goroutines", func(t *testing.T) {
		goroutines := newGoroutines()
		defer goroutines.close()
		test(t, goroutines)
	})
}

// against returns a configuration for a server.
func against(s *chattest.Server, c Config) Config {
	c.Servers = []Server{serverAt(s.Addr)}
	c.Dialect = Chat(chattest.Key)
	c.Duration = 100 * time.Millisecond
	return c
}

// The server of this project passes.
func TestServer(t *testing.T) {
	for _, test := range []struct {
		what string
		Config
	}{
		{"flat out", Config{Clients: 20, Senders: 3, Window: 32}},
		{"at a rate", Config{Clients: 20, Senders: 3, Rate: 1000}},
		{"everyone sends", Config{Clients: 4, Senders: 4, Window: 32}},
		{"nobody sends", Config{Clients: 20}},
	} {
		overBoth(t, test.what, func(t *testing.T, over transport) {
			c := against(chattest.Start(t, server.Config{}), test.Config)
			if c.Senders == 0 {
				c.Servers[0].PID = os.Getpid()
			} else {
				c.Beside = []int{os.Getpid()}
			}
			r, err := run(t.Context(), c, over, 1)
			if err != nil {
				t.Fatal(err)
			}
			if test.Senders > 0 && (r.Verified == 0 || r.Latency == nil) {
				t.Errorf("nothing was measured: %+v", r)
			}
			if (test.Senders == 0) != (r.Server != nil) || (test.Senders > 0) != (len(r.Beside) == 1 && r.Beside[0].CPU > 0) {
				t.Errorf("the server's cost is %+v, that of what is beside it %+v", r.Server, r.Beside)
			}
		})
	}
}

// A server that does not let everyone in is reported.
func TestNotLetIn(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	full := against(chattest.Start(t, server.Config{}, server.RoomConfig{MaxClients: 7}), Config{Clients: 20})
	wrongKey := against(chattest.Start(t, server.Config{}), Config{Clients: 20})
	wrongKey.Dialect = Chat("not " + chattest.Key)
	notThere := wrongKey
	notThere.Servers = []Server{serverAt(netip.MustParseAddrPort(nobody.Addr().String()))}
	for _, test := range []struct {
		what string
		Config
		want string
	}{
		{"room full", full, "the server let in 7 of 20 clients and closed the next"},
		{"wrong key", wrongKey, "the server let nobody in: the key is wrong, or the room is full"},
		{"no server", notThere, "client 0 can't connect to " + nobody.Addr().String() + ": connect"},
	} {
		overBoth(t, test.what, func(t *testing.T, over transport) {
			_, err := run(t.Context(), test.Config, over, 1)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// Of several addresses, the one on which someone listens is taken.
func TestAddresses(t *testing.T) {
	overBoth(t, "second", func(t *testing.T, over transport) {
		c := against(chattest.Start(t, server.Config{}), Config{Clients: 3})
		c.Servers[0].Addrs = append([]netip.AddrPort{netip.MustParseAddrPort("[::1]:1")}, c.Servers[0].Addrs...)
		if _, err := run(t.Context(), c, over, 1); err != nil {
			t.Error(err)
		}
	})
}

// The server ends in the middle, or the user has seen enough.
func TestEndedEarly(t *testing.T) {
	// endless returns a configuration that does something once there is load.
	endless := func(s *chattest.Server, do func()) Config {
		c := against(s, Config{Clients: 10, Senders: 2, Window: 8})
		c.Duration = time.Hour
		c.Progress = func(p Progress) {
			if p.Phase == Measuring && p.Deliveries > 0 {
				do()
			}
		}
		return c
	}
	overBoth(t, "server ends", func(t *testing.T, over transport) {
		s := chattest.Start(t, server.Config{})
		_, err := run(t.Context(), endless(s, func() { s.Stop(t) }), over, 1)
		if err == nil || !strings.HasPrefix(err.Error(), "the server ended, or it dropped client ") {
			t.Errorf("got %v", err)
		}
	})
	overBoth(t, "interrupted", func(t *testing.T, over transport) {
		ctx, cancel := context.WithCancel(t.Context())
		c := endless(chattest.Start(t, server.Config{}), cancel)
		if _, err := run(ctx, c, over, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// What a process costs is what the system says.
func TestProcess(t *testing.T) {
	p := thisProcess()
	before, err := p.cpu()
	if err != nil || before <= 0 {
		t.Fatalf("%v of CPU time, %v", before, err)
	}
	for now := before; now < before+time.Millisecond; {
		if now, err = p.cpu(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := p.memory(); err != nil || n < 1<<20 {
		t.Errorf("%d bytes of memory, %v", n, err)
	}
	const none = process(1 << 22) // the largest number that Linux gives is one less
	if _, err := none.cpu(); err == nil {
		t.Error("a process that does not exist has CPU time")
	}
	if _, err := none.memory(); err == nil {
		t.Error("a process that does not exist has memory")
	}
}
