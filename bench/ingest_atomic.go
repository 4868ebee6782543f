package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// mostAtomic is how many messages an atomic batch of NATS may have.
const mostAtomic = 1000

// publishAtomic publishes what was said in all rooms as one atomic batch of NATS, each room's
// with its own expectation, and the next when all of it has come back.
func (r *ingestRun) publishAtomic() error {
	inbox := nats.NewInbox()
	acks, err := r.conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = acks.Unsubscribe() }()
	last := make([]uint64, len(r.rooms))
	for !r.stopping.Load() && r.ctx.Err() == nil {
		speaking := r.speaking()
		batch := nuid.Next()
		for i, room := range speaking {
			m := &nats.Msg{Subject: room.subject, Data: room.fill(r.load.most()), Header: expecting(last[room.number])}
			if m.Data == nil {
				return nil
			}
			m.Header["Nats-Batch-Id"] = []string{batch}
			m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
			if i == len(speaking)-1 {
				m.Header["Nats-Batch-Commit"] = []string{"1"}
				m.Reply = inbox
			}
			if err := r.conn.PublishMsg(m); err != nil {
				return err
			}
		}
		answer, err := acks.NextMsg(ingestPatience)
		if err != nil {
			return err
		}
		if _, err := understand(answer.Data); err != nil {
			return err
		}
		for _, room := range speaking {
			if last[room.number], err = room.comeBack(); err != nil {
				return err
			}
		}
	}
	return nil
}

// speaking returns the rooms in which something was said, and waits until there is one.
func (r *ingestRun) speaking() []*ingestRoom {
	first := slices.MinFunc(r.rooms, func(a, b *ingestRoom) int { return int(a.wait() - b.wait()) })
	time.Sleep(first.wait())
	now := []*ingestRoom{first}
	for _, room := range r.rooms {
		if room != first && room.wait() <= 0 && len(now) < mostAtomic {
			now = append(now, room)
		}
	}
	return now
}
