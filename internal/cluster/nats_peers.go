package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Peers is what the servers of a cluster tell each other beside what is said: who is in their rooms, who is
// banned, and what an operator asks all of them to do. Its methods may be called by any number
// of goroutines.
type Peers struct {
	n      *NATS
	config PeersConfig
	view   view

	mu      sync.Mutex
	rooms   map[string][]Member
	version uint64
	changed chan struct{} // has space for one
	bans    jetstream.KeyValue
}

// A PeersConfig says who a server is, and what it does for others.
type PeersConfig struct {
	Server string // its name in the cluster
	// Do does what another server asks for, and returns an answer for people, of up to 1 MiB. It is
	// called by one goroutine.
	Do func(Command) (answer []byte)
	// Ban is told each ban that there is, when Run has begun, and what changes then. It may be told the same
	// again. It is called by the goroutine of Run.
	Ban func(Ban)
	// Known is told that Ban has been told all bans that there are, and that Run does what it is to do, each time
	// that it has begun, again also. It is called by the goroutine of Run; it may be nil.
	Known func()
	// Failed is told why nothing can be told or heard for a while; it may be nil.
	Failed func(error)
}

// Peers returns what the server says to others and hears of them, as long as Run runs.
func (n *NATS) Peers(config PeersConfig) *Peers {
	p := &Peers{n: n, config: config, changed: make(chan struct{}, 1)}
	p.SetMembers(nil)
	return p
}

// SetMembers says who is in the rooms of this server now. Others know it soon, and call it complete
// or not at all. All of it is sent, so it should not be called more than once a second. rooms must not
// be changed any more.
func (p *Peers) SetMembers(rooms map[string][]Member) {
	p.mu.Lock()
	p.rooms = rooms
	p.version = max(p.version+1, uint64(time.Now().UnixNano())) // newer than what this server said before it was restarted
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Members returns who is in a room at the other servers, of which nothing is known that have been silent
// for half a minute.
func (p *Peers) Members(room string) []ServerMembers { return p.view.members(room, time.Now()) }

// Clients returns how many members a room has at the other servers.
func (p *Peers) Clients(room string) int { return p.view.count(room, time.Now()) }

// Servers returns the names of the other servers.
func (p *Peers) Servers() []string { return p.view.names(time.Now()) }

// Run tells and hears until ctx ends. It begins again by itself after errors.
func (p *Peers) Run(ctx context.Context) {
	for {
		err := p.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.config.Failed != nil {
			p.config.Failed(fmt.Errorf("what servers of the cluster tell each other: %w", readable(err)))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tryEvery):
		}
	}
}

func (p *Peers) run(ctx context.Context) error {
	// After the connection was lost, watchers may wait in a bucket that NATS has forgotten.
	whole := ctx
	ctx, cancel := p.n.within(ctx)
	defer cancel()
	members, bans, err := p.open(ctx)
	if err != nil {
		return err
	}
	made, err := madeAt(ctx, members)
	if err != nil {
		return err
	}
	sub, err := p.n.conn.Subscribe(p.subject(), p.do)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	heard, err := members.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = heard.Stop() }()
	banned, err := bans.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = banned.Stop() }()
	p.mu.Lock()
	p.bans = bans
	p.mu.Unlock()
	defer func() {
		if whole.Err() != nil { // or else it goes on, with the same members
			p.leave(members)
		}
	}()
	tick := time.NewTicker(membersEvery)
	defer tick.Stop()
	if err := p.tell(ctx, members); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.changed:
			err = p.tell(ctx, members)
		case <-tick.C:
			if err = unchanged(ctx, members, made); err == nil {
				err = p.tell(ctx, members)
			}
		case entry, ok := <-heard.Updates():
			if !ok {
				return errors.New("what others have is not told any more")
			}
			p.hear(entry)
		case entry, ok := <-banned.Updates():
			if !ok {
				return errors.New("bans are not told any more")
			}
			p.ban(entry)
		}
		if err != nil {
			return err
		}
	}
}

// open makes the buckets, or finds them.
func (p *Peers) open(ctx context.Context) (members, bans jetstream.KeyValue, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	settings := p.n.config.Settings
	members, err = p.n.bucket(ctx, jetstream.KeyValueConfig{
		Bucket: settings.Name + "-members", Description: "Who is in the rooms of sop-chat's cluster " + settings.Name,
		TTL: membersKept, Storage: jetstream.MemoryStorage, Replicas: settings.Replicas,
	})
	if err != nil {
		return nil, nil, err
	}
	bans, err = p.n.bucket(ctx, jetstream.KeyValueConfig{
		Bucket: settings.Name + "-bans", Description: "Who may not join sop-chat's cluster " + settings.Name,
		Storage: jetstream.FileStorage, Replicas: settings.Replicas,
	})
	return members, bans, err
}

// bucket returns a bucket as it is, or makes it.
func (n *NATS) bucket(ctx context.Context, config jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	found, err := n.js.KeyValue(ctx, config.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		found, err = n.js.CreateKeyValue(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("the bucket %s: %w", config.Bucket, err)
	}
	return found, nil
}

// madeAt returns when a bucket was made, which tells it from another of the same name.
func madeAt(ctx context.Context, bucket jetstream.KeyValue) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	status, err := bucket.Status(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if s, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		return s.StreamInfo().Created, nil
	}
	return time.Time{}, nil
}

// unchanged returns an error if another bucket is in the place of one that was made at a time. It is in
// memory, and gone when most servers of NATS were restarted; then another server may have made the next.
func unchanged(ctx context.Context, bucket jetstream.KeyValue, made time.Time) error {
	at, err := madeAt(ctx, bucket)
	if err == nil && !at.Equal(made) {
		err = errors.New("NATS has forgotten who is in the rooms")
	}
	return err
}

// tell says what this server has.
func (p *Peers) tell(ctx context.Context, members jetstream.KeyValue) error {
	p.mu.Lock()
	rooms, version := p.rooms, p.version
	p.mu.Unlock()
	texts, err := cutMembers(version, rooms)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	for i, text := range texts {
		if _, err := members.Put(ctx, token(p.config.Server)+"."+strconv.Itoa(i), text); err != nil {
			return fmt.Errorf("telling who is here: %w", err)
		}
	}
	return nil
}

// leave says that this server has nobody any more, so that others need not find out.
func (p *Peers) leave(members jetstream.KeyValue) {
	p.SetMembers(nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.n.State().Connected {
		_ = p.tell(ctx, members)
	}
}

// hear takes what another server has.
func (p *Peers) hear(entry jetstream.KeyValueEntry) {
	if entry == nil || entry.Operation() != jetstream.KeyValuePut { // nil: that is all there was before
		return
	}
	tok, digits, _ := strings.Cut(entry.Key(), ".")
	server, err := nameOf(tok)
	number, wrong := strconv.Atoi(digits)
	if err != nil || wrong != nil || server == p.config.Server || time.Since(entry.Created()) > membersKept {
		return
	}
	p.view.take(server, number, entry.Value(), time.Now())
}

// subject is that of commands. It is none of the stream's.
func (p *Peers) subject() string { return p.n.config.Settings.Name + "-commands" }

// do does what another server asks for.
func (p *Peers) do(m *nats.Msg) {
	from, err := nameOf(m.Header.Get(headerFrom))
	if err != nil || from == p.config.Server || p.config.Do == nil {
		return
	}
	answer := nats.NewMsg(m.Reply)
	answer.Header.Set(headerFrom, token(p.config.Server))
	answer.Data = p.config.Do(Command{From: from, Kind: m.Header.Get(headerKind), Data: m.Data})
	if m.Reply != "" {
		_ = p.n.conn.PublishMsg(answer) // without it, the other server says that this one did not answer
	}
}
