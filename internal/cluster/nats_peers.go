package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
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
	n        *NATS
	config   PeersConfig
	view     *view
	division division      // of the goroutine of Run
	changed  chan struct{} // has space for one

	mu    sync.Mutex
	rooms map[string][]Member
	isSet bool // rooms are
	bans  jetstream.KeyValue
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
	// Known is told that Ban has been told all bans that there are, that Members returns all members, and that Run
	// does what it is to do, each time that it has begun, again also. It is called by the goroutine of Run; it may be nil.
	Known func()
	// Failed is told why nothing can be told or heard for a while; it may be nil.
	Failed func(error)
}

// Peers returns what the server says to others and hears of them, as long as Run runs.
func (n *NATS) Peers(config PeersConfig) *Peers {
	return &Peers{
		n: n, config: config, view: newView(time.Now()), division: division{seed: maphash.MakeSeed()}, changed: make(chan struct{}, 1),
	}
}

// SetMembers says who is in the rooms of this server now. Others know it soon. Until it is called for the
// first time, what a former process of this server has said counts. It takes a millisecond for a thousand members, so it
// should not be called more than once a second. rooms must not be changed any more.
func (p *Peers) SetMembers(rooms map[string][]Member) {
	p.mu.Lock()
	p.rooms, p.isSet = rooms, true
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Members returns who is in a room at the other servers. What servers had that are silent is forgotten after
// six seconds, and all when this server has been cut off from NATS for half a minute.
func (p *Peers) Members(room string) []ServerMembers { return p.view.members(room, time.Now()) }

// Changes returns the rooms in which the result of Members or Clients may be another one than when Changes was last
// called. It is for one caller.
func (p *Peers) Changes() []string { return p.view.changes(time.Now()) }

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
	beating, err := p.beat(ctx)
	if err != nil {
		return err
	}
	defer func() {
		beating()
		if whole.Err() != nil { // or else it goes on, with the same members
			p.leave(members)
		}
	}()
	if err := p.follow(ctx, members); err != nil {
		return err
	}
	p.division.forget() // the bucket may be another one
	if err := p.tell(ctx, members); err != nil {
		return err
	}
	return p.attend(ctx, members, made, heard.Updates(), banned.Updates())
}

// attend tells what this server has and takes what others have, until ctx ends or something fails.
func (p *Peers) attend(ctx context.Context, members jetstream.KeyValue, made time.Time, heard, banned <-chan jetstream.KeyValueEntry) (err error) {
	tick := time.NewTicker(membersEvery)
	defer tick.Stop()
	unknown := 2 // of the buckets, of how many not all is known that they had
	know := func() {
		if unknown--; unknown == 0 && p.config.Known != nil {
			p.config.Known()
		}
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
		case entry, ok := <-heard:
			switch {
			case !ok:
				return errors.New("what others have is not told any more")
			case entry == nil: // that is all there was before
				know()
			default:
				p.hear(entry)
			}
		case entry, ok := <-banned:
			switch {
			case !ok:
				return errors.New("bans are not told any more")
			case entry == nil:
				know()
			default:
				p.ban(entry)
			}
		}
		if err != nil {
			return err
		}
	}
}

// tell says what this server has, as far as that has not been said or was said long ago.
func (p *Peers) tell(ctx context.Context, members jetstream.KeyValue) error {
	p.mu.Lock()
	rooms, isSet := p.rooms, p.isSet
	p.mu.Unlock()
	if !isSet {
		return nil // what the server has told before an upgrade counts until then
	}
	texts, err := p.division.cut(rooms, time.Now())
	if err != nil {
		return err
	}
	for i, text := range texts {
		if now := time.Now(); p.division.isDue(i, text, now) {
			if err := put(ctx, members, p.key(i), text); err != nil {
				return fmt.Errorf("telling who is here: %w", err)
			}
			p.division.put(i, text, now)
		}
	}
	return nil
}

func put(ctx context.Context, bucket jetstream.KeyValue, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := bucket.Put(ctx, key, value)
	return err
}

// leave says that this server has nobody any more, so that others need not find out.
func (p *Peers) leave(members jetstream.KeyValue) {
	p.SetMembers(nil)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.n.State().Connected {
		_ = p.tell(ctx, members)
		_ = p.sayAlive(kindLeft)
	}
}

// hear takes what another server has.
func (p *Peers) hear(entry jetstream.KeyValueEntry) {
	if entry.Operation() != jetstream.KeyValuePut {
		return
	}
	tok, digits, _ := strings.Cut(entry.Key(), ".")
	server, err := nameOf(tok)
	if number, wrong := strconv.Atoi(digits); err == nil && wrong == nil && server != p.config.Server {
		p.view.take(server, number, entry.Value(), time.Now())
	}
}

// follow has what this server tells be newer than what it has told before it was restarted, even if its clock
// was set back since.
func (p *Peers) follow(ctx context.Context, members jetstream.KeyValue) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	entry, err := members.Get(ctx, p.key(0))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if former, _, ok := decodePiece(0, entry.Value()); ok && former.Start > p.division.start {
		p.division.start, p.division.told = former.Start, nil // so that another one begins
	}
	return nil
}

// key returns the key of a piece of this server.
func (p *Peers) key(number int) string { return token(p.config.Server) + "." + strconv.Itoa(number) }

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
