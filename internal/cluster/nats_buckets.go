package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

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
