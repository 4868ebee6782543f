package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"sop-chat/internal/limit"
	"sop-chat/internal/metrics"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
)

// A metricsPort is where metrics are told, if --metrics says so.
type metricsPort struct {
	listeners []net.Listener
	bound     []netip.Addr
	requests  limit.Requests
	serving   sync.WaitGroup
	stop      context.CancelFunc
}

// openMetrics takes the port of --metrics.
func openMetrics(ctx context.Context, o serveOptions, handed *handedSockets) (*metricsPort, error) {
	m := &metricsPort{}
	if o.metrics.at.port == 0 {
		return m, nil
	}
	var err error
	add := func(l net.Listener) { m.listeners = append(m.listeners, handed.ports.add(metricsSocket, l)) }
	m.bound, err = handed.use(metricsSocket, o.metrics.at.port, "--metrics", " of the metrics", func(s systemd.Socket) (netip.AddrPort, error) {
		l, at, err := inheritTCP(s)
		if err == nil {
			add(l)
		}
		return at, err
	})
	if err == nil && len(m.bound) == 0 {
		m.bound, err = listenForMetrics(ctx, o.metrics.at, add)
	}
	if err != nil {
		m.close()
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	return m, nil
}

// listenForMetrics listens at an address, and returns those of the machine that it stands
// for.
func listenForMetrics(ctx context.Context, at webAddress, add func(net.Listener)) (bound []netip.Addr, err error) {
	addrs := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	if at.host != "" {
		if addrs, err = resolve(ctx, at.host); err != nil {
			return nil, err
		}
	}
	return listenOn(addrs, at.port, func(at netip.AddrPort) error {
		l, err := listenTCP(ctx, at)
		if err == nil {
			add(l)
		}
		return err
	})
}

// countedOf returns what is counted of a server and what belongs to it.
func countedOf(b Build, s *server.Server, keeper *keeper, t *tlsPort, l *clusterLink) metrics.Config {
	c := metrics.Config{Server: s, Draining: s.IsDraining}
	b = b.recorded()
	c.Version, c.Revision = b.Version, b.Commit
	if keeper.archive != nil {
		c.History = keeper.archive
	}
	if l.isOn() {
		c.Cluster = l
	}
	if t.certificate != nil {
		c.Certificate = t.certificate
	}
	return c
}

// start begins to tell how a server is doing, when it serves: before that, the numbers of the
// program before would be missing.
func (m *metricsPort) start(o serveOptions, c metrics.Config, serving <-chan struct{}, logger *slog.Logger) {
	if len(m.listeners) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	c.Profiles, c.Requests, c.Logger = o.metrics.profiles, &m.requests, logger
	m.serving.Go(func() {
		select {
		case <-serving:
		case <-ctx.Done():
		}
		metrics.Serve(ctx, m.listeners, c)
	})
}

// invite says where the metrics are.
func (m *metricsPort) invite(out io.Writer, o serveOptions) {
	if len(m.bound) == 0 {
		return
	}
	host := m.bound[0].String()
	if m.bound[0].IsUnspecified() {
		host = "localhost"
	}
	fmt.Fprintf(out, "sop-chat: metrics: http://%s/metrics\n", net.JoinHostPort(host, strconv.Itoa(int(o.metrics.at.port))))
}

// close ends that.
func (m *metricsPort) close() {
	if m.stop == nil {
		for _, l := range m.listeners {
			l.Close()
		}
		return
	}
	m.stop()
	m.serving.Wait()
}
