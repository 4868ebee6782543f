package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// What a server says over the subject of heartbeats.
const (
	kindAlive = "alive"
	kindLeft  = "left"
)

// aliveSubject is that of heartbeats. It is none of the stream's.
func (p *Peers) aliveSubject() string { return p.n.config.Settings.Name + "-alive" }

// sayAlive says that this server is there, or not any more.
func (p *Peers) sayAlive(kind string) error {
	m := nats.NewMsg(p.aliveSubject())
	m.Header.Set(headerFrom, token(p.config.Server))
	m.Header.Set(headerKind, kind)
	return p.n.conn.PublishMsg(m)
}

// hearAlive takes what a server says of itself.
func (p *Peers) hearAlive(m *nats.Msg) {
	from, err := nameOf(m.Header.Get(headerFrom))
	kind := m.Header.Get(headerKind)
	switch {
	case err != nil || kind != kindAlive && kind != kindLeft:
	case from == p.config.Server:
		p.view.hearOwn(time.Now())
	case p.view.hear(from, kind == kindAlive, time.Now()):
		_ = p.sayAlive(kindAlive) // so that one that has begun knows of this one soon
	}
}

// beat says that this server is there, and hears the others, until the function is called that it returns.
func (p *Peers) beat(ctx context.Context) (stop func(), err error) {
	sub, err := p.n.conn.Subscribe(p.aliveSubject(), p.hearAlive)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			_ = p.sayAlive(kindAlive) // without a connection, others hear nothing of this server anyhow
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
		_ = sub.Unsubscribe()
	}, nil
}
