package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	headerFrom = "Sop-From" // token of a server's name
	headerKind = "Sop-Kind"
)

// A Command is what one server asks all others to do now. One that is away misses it.
type Command struct {
	From string // the name of the server that asks
	Kind string // one word, such as "kick"
	Data []byte // as the kind has it
}

// An Answer is what a server answered to a command.
type Answer struct {
	Server string
	Data   []byte
}

// An UnansweredError says which servers have not answered to a command, and why not.
type UnansweredError struct {
	Servers []string
	Err     error
}

func (e *UnansweredError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", strings.Join(e.Servers, ", "), e.Err)
}

// Unwrap returns why they have not.
func (e *UnansweredError) Unwrap() error { return e.Err }

var errNobodyListens = errors.New("no other server listens")

// Broadcast has all other servers do something, and returns their answers, one of each. It waits
// for those in from, or if there are none for all that are known. If some of them have not answered
// when ctx ends, the error is an UnansweredError, and the other answers are returned all the same.
func (p *Peers) Broadcast(ctx context.Context, kind string, data []byte, from ...string) ([]Answer, error) {
	if !isSimple(kind) {
		return nil, fmt.Errorf("%q is no kind of a command", kind)
	}
	waiting := slices.Clone(from)
	if len(from) == 0 {
		waiting = p.Servers()
	}
	inbox := p.n.conn.NewInbox()
	sub, err := p.n.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, readable(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	m := nats.NewMsg(p.subject())
	m.Reply, m.Data = inbox, data
	m.Header.Set(headerFrom, token(p.config.Server))
	m.Header.Set(headerKind, kind)
	if err := p.n.conn.PublishMsg(m); err != nil {
		return nil, readable(err)
	}
	var answers []Answer
	for len(waiting) > 0 {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			err = errNobodyListens
		case err != nil:
			err = readable(err)
		}
		if err != nil {
			return answers, &UnansweredError{waiting, err}
		}
		server, err := nameOf(m.Header.Get(headerFrom))
		if err != nil || slices.ContainsFunc(answers, func(a Answer) bool { return a.Server == server }) {
			continue
		}
		answers = append(answers, Answer{server, m.Data})
		waiting = slices.DeleteFunc(waiting, func(name string) bool { return name == server })
	}
	return answers, nil
}

// A Ban is one that holds at all servers, those that come later too.
type Ban struct {
	Key     string    // what is banned, such as an address; any bytes
	Data    []byte    // what else is to be known of it, as the servers have it
	Until   time.Time // when it ends; zero: never
	Removed bool      // it does not hold any more; Data and Until are empty then
}

// storedBan is a ban in the bucket.
type storedBan struct {
	Data  []byte `json:"data,omitempty"`
	Until int64  `json:"until,omitempty"` // ms
}

// errNotOpen is the error of what needs the bucket of bans before it is there.
var errNotOpen = errors.New("the bans of the cluster are not known yet; is NATS away?")

// SetBan has all servers hold a ban, or another one of that key.
func (p *Peers) SetBan(ctx context.Context, ban Ban) error {
	stored := storedBan{Data: ban.Data}
	if !ban.Until.IsZero() {
		stored.Until = ban.Until.UnixMilli()
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	bans, err := p.bucketOfBans()
	if err != nil {
		return err
	}
	_, err = bans.Put(ctx, token(ban.Key), text)
	return readable(err)
}

// RemoveBan ends the ban of a key at all servers.
func (p *Peers) RemoveBan(ctx context.Context, key string) error {
	bans, err := p.bucketOfBans()
	if err != nil {
		return err
	}
	return readable(bans.Delete(ctx, token(key)))
}

func (p *Peers) bucketOfBans() (jetstream.KeyValue, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bans == nil {
		return nil, errNotOpen
	}
	return p.bans, nil
}

// ban tells of a ban what the bucket has. One that ended is told as removed.
func (p *Peers) ban(entry jetstream.KeyValueEntry) {
	if p.config.Ban == nil {
		return
	}
	key, err := nameOf(entry.Key())
	if err != nil {
		return
	}
	ban := Ban{Key: key, Removed: true}
	if entry.Operation() == jetstream.KeyValuePut {
		var stored storedBan
		if json.Unmarshal(entry.Value(), &stored) != nil {
			return
		}
		if until := time.UnixMilli(stored.Until); stored.Until == 0 || time.Now().Before(until) {
			ban.Removed, ban.Data = false, stored.Data
			if stored.Until != 0 {
				ban.Until = until
			}
		}
	}
	p.config.Ban(ban)
}
