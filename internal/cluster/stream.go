package cluster

import (
	"context"
	"errors"
	"math"
	"time"
)

// A Stream is an ordered, replicated list of messages, each of which has a subject: a
// stream of JetStream, or a model of one. Sequences begin at 1 and have no gaps but at the
// front, where the stream drops what is older than it keeps; nothing else removes messages.
//
// Its methods may be called by any number of goroutines. An error that is not described
// says that the outcome is unknown: what was asked for may have been done, may be done
// later, or never. The calls return when their context ends, at the latest.
type Stream interface {
	// Publish appends a message if the last one of its subject has the sequence last, or if
	// there is none and last is 0, or if last is AnyLast. It returns the sequence of the new message, once it is on
	// the disks of a majority of the replicas. If the stream says that another message is the
	// last one, the error is ErrWrongLast (see errors.Is), and this call appends nothing.
	// After any other error the message may turn up in the stream, even minutes later, or
	// never; then, too, it is appended only if its expectation is met when it arrives.
	//
	// It must neither be tried again nor buffered by the implementation. data has at most
	// MaxBatch bytes and is not used after the call.
	Publish(ctx context.Context, subject string, last uint64, data []byte) (seq uint64, err error)

	// Last returns the last message of a subject, or ErrNoMessage. A token of the subject may
	// be the wildcard "*". The answer may be an old one (from a leader that was replaced and
	// has yet to notice): then the message is one that was the last some time ago.
	Last(ctx context.Context, subject string) (Message, error)

	// Next returns the first message of a subject whose sequence is at least from, or
	// ErrNoMessage. It is like Last otherwise.
	Next(ctx context.Context, subject string, from uint64) (Message, error)

	// Subjects returns those of the messages that match a pattern, in which a token may be the
	// wildcard "*". The answer may be an old one, as that of Last.
	Subjects(ctx context.Context, pattern string) ([]string, error)

	// Info returns what the stream has. The answer may be an old one, as that of Last.
	Info(ctx context.Context) (Info, error)

	// Read returns a reader of all messages whose sequence is at least from, in the stream's
	// order. It may fail, or its reader, if from is more than one after the last. The reader
	// belongs to the goroutine that called it, and ends with ctx or with Close.
	Read(ctx context.Context, from uint64) (Reader, error)
}

// A Reader reads a stream.
type Reader interface {
	// Next returns the next message, and waits for it. It belongs to one goroutine. Messages
	// may be missing or come twice, which the caller notices by their sequences: then it
	// opens another reader, as after any error. A reader that can't tell for a while (some
	// seconds) whether there are messages, since the stream does not answer, must return an
	// error.
	Next(ctx context.Context) (Message, error)
	// Close releases what the reader takes.
	Close()
}

// A Message is one of a stream.
type Message struct {
	Subject string
	Seq     uint64    // its place in the stream, from 1
	Time    time.Time // when the stream took it
	Data    []byte    // belongs to the caller
}

// An Info is what a stream has.
type Info struct {
	First   uint64    // the sequence of the oldest message; one more than Last if there is none
	Last    uint64    // that of the newest one there ever was; 0 if there was none
	Created time.Time // tells the stream from another of the same name
	// Keep is for how long the stream keeps a message; 0: for good. It must be much longer than
	// any message may be under way.
	Keep time.Duration
}

var (
	// ErrWrongLast is the error of Stream.Publish if the last message of the subject is another
	// one than was expected.
	ErrWrongLast = errors.New("another message is the last one of the subject")
	// ErrNoMessage is the error of Stream.Last and Stream.Next if there is no such message.
	ErrNoMessage = errors.New("the stream has no such message")
)

// AnyLast is for Stream.Publish: it does not matter which message is the last of its subject.
const AnyLast = math.MaxUint64

// MaxBatch is how many bytes the data of a message may have: what NATS allows by default
// (max_payload), without 4 KiB for headers and subject.
const MaxBatch = 1<<20 - 4<<10
