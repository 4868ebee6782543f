package command

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"sop-chat/internal/cluster"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
)

const (
	// membersInterval is how often the other servers are told of members that come and go.
	membersInterval = time.Second
	// knownWait is how long a server waits for the bans of its cluster before it lets anybody
	// in.
	knownWait = 10 * time.Second
)

// A peerNetwork is how the servers of a cluster reach each other.
type peerNetwork interface {
	Run(ctx context.Context)
	SetMembers(rooms map[string][]cluster.Member)
	Clients(room string) int
	Broadcast(ctx context.Context, kind string, data []byte, from ...string) ([]cluster.Answer, error)
	SetBan(ctx context.Context, ban cluster.Ban) error
	RemoveBan(ctx context.Context, key string) error
	TidyBans(ctx context.Context) error
}

var _ peerNetwork = (*cluster.Peers)(nil)

// clusterPeers is what a server of a cluster tells the others beside what is said, and hears
// of them. Its methods may be called by any goroutine, but start and close by one.
type clusterPeers struct {
	peerNetwork
	view      peerView // nil: nothing is known of others' members
	name      string   // this server's
	server    *server.Server
	operator  *operator   // set by start
	connected func() bool // to NATS
	logger    *slog.Logger

	known     chan struct{} // closed when all bans are known
	knownOnce sync.Once
	hearing   map[string]cluster.Ban // those that NATS has, by their keys, until all are known; nil after that

	mu     sync.Mutex
	failed string             // guarded by mu; why nothing can be told or heard; "": it can
	toTell map[string]*untold // guarded by mu; what NATS has yet to be told, by their keys
	toEnd  []origin.Listed    // guarded by mu; of which there may be connections

	telling sync.Mutex    // held while NATS is told of bans
	wake    chan struct{} // has space; there is something in toEnd

	// Of the goroutine of tellMembers.
	since    map[uint64]time.Time    // when members were first seen, by their IDs
	looked   map[string]*server.Room // those that were told who is elsewhere
	lookedAt chan struct{}           // closed when those are known that were elsewhere at the start

	running sync.WaitGroup
	cancel  context.CancelFunc // nil: they do not run
}

// newClusterPeers returns the peers of a server with a name in the cluster of a stream. toTell
// is what the program before has not told NATS.
func newClusterPeers(name string, stream *cluster.NATS, s *server.Server, toTell []cluster.Ban, logger *slog.Logger) *clusterPeers {
	p := newPeers(name, s, func() bool { return stream.State().Connected }, toTell, logger)
	peers := stream.Peers(cluster.PeersConfig{
		Server: name, Do: p.do, Ban: p.hearBan, Known: p.works, Failed: p.fails,
	})
	p.peerNetwork, p.view = peers, peers
	return p
}

// newPeers returns peers without a network.
func newPeers(name string, s *server.Server, connected func() bool, toTell []cluster.Ban, logger *slog.Logger) *clusterPeers {
	p := &clusterPeers{
		name: name, server: s, connected: connected, logger: logger,
		known: make(chan struct{}), lookedAt: make(chan struct{}), hearing: make(map[string]cluster.Ban), toTell: make(map[string]*untold), wake: make(chan struct{}, 1),
	}
	for _, b := range toTell {
		p.leaveToTell(b)
	}
	return p
}

// serverName returns the name of this server in its cluster; "" if there is none.
func (p *clusterPeers) serverName() string {
	if p == nil {
		return ""
	}
	return p.name
}

// start begins to tell and to hear, until close. An operator does what others ask for.
func (p *clusterPeers) start(a *operator) {
	p.operator = a
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Go(func() { p.Run(ctx) })
	p.running.Go(func() { p.tellMembers(ctx) })
	p.running.Go(func() { p.tendBans(ctx) })
}

// close ends that. The others are told that nobody is here any more.
func (p *clusterPeers) close() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.running.Wait()
	if n := len(p.leftToTell()); n > 0 {
		p.logger.Error("NATS was not told of bans that were made or removed here, so they do not hold at other servers", "count", n)
	}
}

// waitKnown waits until the bans of the cluster are in force and the rooms know who is
// elsewhere, but not for ever.
func (p *clusterPeers) waitKnown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, knownWait)
	defer cancel()
	for _, is := range []chan struct{}{p.known, p.lookedAt} {
		select {
		case <-is:
		case <-ctx.Done():
		}
	}
}

// works is told that the others are told and heard, and that all bans are known.
func (p *clusterPeers) works() {
	isFirst := false
	select {
	case <-p.known:
	default:
		isFirst = true
	}
	p.mu.Lock()
	p.apply(slices.Collect(maps.Values(p.hearing)), isFirst)
	p.hearing = nil
	p.knownOnce.Do(func() { close(p.known) })
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
	p.hearing = make(map[string]cluster.Ban) // all are told again
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

// tellMembers tells the others who is in the rooms, when that has changed, and the rooms who is
// in them elsewhere.
func (p *clusterPeers) tellMembers(ctx context.Context) {
	ticker := time.NewTicker(membersInterval)
	defer ticker.Stop()
	known, told := p.known, uint64(math.MaxUint64) // nobody has been told of nobody
	for {
		p.lookElsewhere(ctx)
		if now := p.server.MemberChanges(); now != told {
			if members, err := p.server.Members(ctx, server.Who{}); err == nil { // or it does not serve yet
				p.SetMembers(p.byRoom(members, time.Now()))
				told = now
			}
		}
		select {
		case <-ticker.C:
		case <-known:
			known = nil
			p.lookElsewhere(ctx)
			close(p.lookedAt)
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
		rooms[m.Room] = append(rooms[m.Room], cluster.Member{ID: m.ID, Name: m.Name, Since: at, NamedSince: m.NamedSince, Client: m.Client})
	}
	p.since = since
	return rooms
}
