package cluster

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// endedKept is how long a ban is kept that has ended, since clocks differ.
	endedKept = time.Hour
	// removedKept is how long it is kept that a ban was removed, for servers that were away.
	removedKept = 30 * 24 * time.Hour
	// mostTidied is how many bans are forgotten at once.
	mostTidied = 1000
)

// TidyBans has NATS forget bans that have ended, and those that were removed long ago. It may be
// called now and then, by any server. A ban that is made meanwhile stays.
func (p *Peers) TidyBans(ctx context.Context) error { return p.tidyBans(ctx, time.Now()) }

func (p *Peers) tidyBans(ctx context.Context, now time.Time) error {
	bans, err := p.bucketOfBans()
	if err != nil {
		return err
	}
	over, err := overIn(ctx, bans, now)
	if err != nil || len(over) == 0 {
		return readable(err)
	}
	stream, err := p.n.js.Stream(ctx, "KV_"+bans.Bucket())
	if err != nil {
		return readable(err)
	}
	for _, entry := range over {
		err := stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+bans.Bucket()+"."+entry.Key()), jetstream.WithPurgeSequence(entry.Revision()+1))
		if err != nil {
			return readable(err)
		}
	}
	return nil
}

// overIn returns those entries of a bucket that say nothing any more.
func overIn(ctx context.Context, bans jetstream.KeyValue, now time.Time) (over []jetstream.KeyValueEntry, err error) {
	all, err := bans.WatchAll(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Stop() }()
	for len(over) < mostTidied {
		select {
		case entry, ok := <-all.Updates():
			if !ok || entry == nil {
				return over, nil
			}
			if isOver(entry, now) {
				over = append(over, entry)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return over, nil
}

func isOver(entry jetstream.KeyValueEntry, now time.Time) bool {
	if entry.Operation() != jetstream.KeyValuePut {
		return now.Sub(entry.Created()) > removedKept
	}
	var stored storedBan
	return json.Unmarshal(entry.Value(), &stored) == nil && stored.Until != 0 && now.Sub(time.UnixMilli(stored.Until)) > endedKept
}
