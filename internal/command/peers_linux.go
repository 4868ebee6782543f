package command

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sop-chat/internal/cluster"
	"sop-chat/internal/server"
)

const (
	// membersInterval is how often the other servers are told of members that come and go.
	membersInterval = time.Second
	// knownWait is how long a server waits for the bans of its cluster before it lets anybody
	// in.
	knownWait = 10 * time.Second
)

// clusterPeers is what a server of a cluster tells the others beside what is said, and hears
// of them. Its methods may be called by any goroutine, but start and close by one.
type clusterPeers struct {
	*cluster.Peers
	server    *server.Server
	connected func() bool // to NATS
	logger    *slog.Logger

	known     chan struct{} // closed when all bans are known
	knownOnce sync.Once

	mu     sync.Mutex
	failed string // why nothing can be told or heard; "": it can

	since map[uint64]time.Time // when members were first seen, by their IDs; tellMembers has it

	running sync.WaitGroup
	cancel  context.CancelFunc // nil: they do not run
}

// newClusterPeers returns the peers of a server with a name in the cluster of a stream.
func newClusterPeers(name string, stream *cluster.NATS, s *server.Server, logger *slog.Logger) *clusterPeers {
	p := &clusterPeers{server: s, connected: func() bool { return stream.State().Connected }, known: make(chan struct{}), logger: logger}
	p.Peers = stream.Peers(cluster.PeersConfig{
		Server: name, Failed: p.fails, Known: p.works,
	})
	return p
}

// start begins to tell and to hear, until close.
func (p *clusterPeers) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Go(func() { p.Run(ctx) })
	p.running.Go(func() { p.tellMembers(ctx) })
}

// close ends that. The others are told that nobody is here any more.
func (p *clusterPeers) close() {
	if p.cancel != nil {
		p.cancel()
		p.running.Wait()
	}
}

// waitKnown waits until the bans of the cluster are in force, but not for ever.
func (p *clusterPeers) waitKnown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, knownWait)
	defer cancel()
	select {
	case <-p.known:
	case <-ctx.Done():
	}
}

// works is told that the others are told and heard.
func (p *clusterPeers) works() {
	p.knownOnce.Do(func() { close(p.known) })
	p.mu.Lock()
	failed := p.failed != ""
	p.failed = ""
	p.mu.Unlock()
	if failed {
		p.logger.Info("the server hears of the others of its cluster again")
	}
}

// fails is told why they are not. It is logged once while that is so, and not at all while
// NATS is away, which is logged elsewhere.
func (p *clusterPeers) fails(err error) {
	if !p.connected() {
		return
	}
	p.mu.Lock()
	isNew := p.failed != err.Error()
	p.failed = err.Error()
	p.mu.Unlock()
	if isNew {
		p.logger.Warn("the server does not hear of the others of its cluster", "error", err)
	}
}

// tellMembers tells the others who is in the rooms, when that has changed.
func (p *clusterPeers) tellMembers(ctx context.Context) {
	ticker := time.NewTicker(membersInterval)
	defer ticker.Stop()
	for told := uint64(0); ; {
		if now := p.server.MemberChanges(); now != told {
			if members, err := p.server.Members(ctx, server.Who{}); err == nil { // or it does not serve yet
				p.SetMembers(p.byRoom(members, time.Now()))
				told = now
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// byRoom returns members as the others are told of them.
func (p *clusterPeers) byRoom(members []server.Member, now time.Time) map[string][]cluster.Member {
	rooms, since := make(map[string][]cluster.Member), make(map[uint64]time.Time, len(members))
	for _, m := range members {
		at, known := p.since[m.ID]
		if !known {
			at = now
		}
		since[m.ID] = at
		rooms[m.Room] = append(rooms[m.Room], cluster.Member{ID: m.ID, Name: m.Name, Since: at})
	}
	p.since = since
	return rooms
}
