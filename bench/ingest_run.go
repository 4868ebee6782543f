package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sop-chat/internal/wire"
)

// An ingestRun is one that is under way: a publisher for each room, and one reader of all.
type ingestRun struct {
	ctx   context.Context
	load  ingestLoad
	conn  *nats.Conn
	epoch time.Time
	rooms []*ingestRoom

	measuring atomic.Bool
	stopping  atomic.Bool

	// Of the reader, until it ends.
	latencies      *hdrhistogram.Histogram
	messages, data int64
}

// An ingestRoom is a room's subject.
type ingestRoom struct {
	*ingestRun
	number   uint32
	subject  string
	sent     uint64        // messages of NATS
	returned chan uint64   // the stream's sequence of each that came back
	next     uint64        // of the reader: which one comes next
	due      time.Duration // with a rate: when the next message is said
	buffer   []byte
}

// ingestPatience bounds how long anything may take.
const ingestPatience = 20 * time.Second

// ingest publishes a load to servers of NATS for some time.
func ingest(
	ctx context.Context, servers []*process, replicas int, load ingestLoad, way string, warmup, duration time.Duration,
) (ingestResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, js, err := connect(ctx, servers)
	if err != nil {
		return ingestResult{}, err
	}
	defer conn.Close()
	stream, err := makeStream(ctx, js, jetstream.StreamConfig{
		Name: "ingest", Subjects: []string{"ingest.*"}, Replicas: replicas, AllowBatchPublish: true, AllowAtomicPublish: true,
	})
	if err != nil {
		return ingestResult{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ingestPatience)
		defer cancel()
		_ = js.DeleteStream(ctx, "ingest") // or else the next run fails
	}()
	r := &ingestRun{ctx: ctx, load: load, conn: conn, epoch: time.Now(), latencies: hdrhistogram.New(1, int64(time.Minute), 3)}
	for i := range load.rooms {
		// The reader must not wait for a publisher.
		r.rooms = append(r.rooms, &ingestRoom{ingestRun: r, number: uint32(i), subject: fmt.Sprintf("ingest.%d", i), returned: make(chan uint64, 1<<16)})
	}
	read, err := r.read(servers, stream, cancel)
	if err != nil {
		return ingestResult{}, err
	}
	defer read.Stop()
	var publishers sync.WaitGroup
	for _, publish := range r.publishers(way) {
		publishers.Go(func() {
			if err := publish(); err != nil {
				cancel(err)
			}
		})
	}
	result, err := r.measure(servers, warmup, duration)
	r.stopping.Store(true)
	publishers.Wait()
	read.Stop()
	<-read.Closed()
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return result, err
	}
	result.messages = float64(r.messages) / duration.Seconds()
	result.batch = float64(r.messages) / float64(max(r.data, 1))
	result.p50 = time.Duration(r.latencies.ValueAtQuantile(50))
	result.p99 = time.Duration(r.latencies.ValueAtQuantile(99))
	result.cpu /= time.Duration(max(r.messages, 1))
	return result, nil
}

// publishers returns what publishes: one function for each room, or one for all.
func (r *ingestRun) publishers(way string) (all []func() error) {
	if way == asAtomic {
		return append(all, r.publishAtomic)
	}
	for _, room := range r.rooms {
		publish := room.publishAsLink
		if way == asFast {
			publish = room.publishFast
		}
		all = append(all, func() error {
			if err := publish(); err != nil {
				return fmt.Errorf("%s: %w", room.subject, err)
			}
			return nil
		})
	}
	return all
}

// measure waits for the time, and returns the CPU time of the servers in it.
func (r *ingestRun) measure(servers []*process, warmup, duration time.Duration) (result ingestResult, err error) {
	if err := r.pass(warmup); err != nil {
		return result, err
	}
	before, err := cpuOf(servers)
	if err != nil {
		return result, err
	}
	r.measuring.Store(true)
	err = r.pass(duration)
	r.measuring.Store(false)
	after, failed := cpuOf(servers)
	result.cpu = after - before
	return result, errors.Join(err, failed)
}

func (r *ingestRun) pass(d time.Duration) error {
	select {
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	case <-time.After(d):
		return nil
	}
}

// read reads the stream from its beginning, over a connection of its own, and checks that the
// messages of each room follow one another.
func (r *ingestRun) read(servers []*process, stream jetstream.Stream, fail func(error)) (jetstream.ConsumeContext, error) {
	conn, js, err := connect(r.ctx, servers)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(r.ctx, conn.Close)
	name := stream.CachedInfo().Config.Name
	ctx, cancel := context.WithTimeout(r.ctx, fleetTimeout)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	return consumer.Consume(func(m jetstream.Msg) {
		if err := r.take(m); err != nil {
			fail(err)
		}
	})
}

// take takes a message that came back.
func (r *ingestRun) take(m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	data := m.Data()
	room := r.rooms[binary.LittleEndian.Uint32(data[8:])]
	if counter := binary.LittleEndian.Uint64(data[16:]); counter != room.next {
		return fmt.Errorf("%s: message %d came where %d was to come", room.subject, counter, room.next)
	}
	room.next++
	if r.measuring.Load() {
		now := time.Since(r.epoch)
		for at := 0; at < len(data); at += wire.Size {
			said := time.Duration(binary.LittleEndian.Uint64(data[at:]))
			_ = r.latencies.RecordValue(int64(max(now-said, 1)))
			r.messages++
		}
		r.data++
	}
	room.returned <- meta.Sequence.Stream
	return nil
}

// fill returns the data of the next message of NATS: those that were to be said by now, at most
// so many, each with that time. With a rate, it waits until there is one; it returns nil when
// nothing is to be said any more.
func (r *ingestRoom) fill(most int) []byte {
	if wait := r.wait(); wait > 0 {
		time.Sleep(wait)
	}
	if r.stopping.Load() || r.ctx.Err() != nil {
		return nil
	}
	now := time.Since(r.epoch)
	r.buffer = r.buffer[:0]
	for n := 0; n < most && r.due <= now; n++ {
		said := now
		if r.load.rate > 0 {
			said = r.due
			r.due += r.every()
		}
		at := len(r.buffer)
		r.buffer = append(r.buffer, make([]byte, wire.Size)...)
		binary.LittleEndian.PutUint64(r.buffer[at:], uint64(said))
	}
	binary.LittleEndian.PutUint32(r.buffer[8:], r.number)
	binary.LittleEndian.PutUint64(r.buffer[16:], r.sent)
	r.sent++
	return r.buffer
}

// wait returns how long it takes until something is said.
func (r *ingestRoom) wait() time.Duration {
	if r.load.rate == 0 {
		return 0
	}
	now := time.Since(r.epoch)
	if r.due == 0 { // rooms do not speak at the same time
		r.due = now + r.every()*time.Duration(r.number%100)/100
	}
	return r.due - now
}

// every returns how long it is from one message to the next.
func (r *ingestRoom) every() time.Duration { return time.Second / time.Duration(r.load.rate) }

// most returns how many messages may be in one of NATS, if those that were said meanwhile are put
// together.
func (l ingestLoad) most() int {
	if l.rate > 0 {
		return mostMessages
	}
	return l.batch
}

// comeBack waits until a message has come back, and returns its sequence.
func (r *ingestRoom) comeBack() (seq uint64, err error) {
	select {
	case seq = <-r.returned:
		return seq, nil
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	case <-time.After(ingestPatience):
		return 0, fmt.Errorf("%s: a batch does not come back", r.subject)
	}
}
