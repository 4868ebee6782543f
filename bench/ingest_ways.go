package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// mostMessages is how many messages fit into one of NATS.
const mostMessages = 1900

// publishAsLink publishes the next batch when the one before has come back.
func (r *ingestRoom) publishAsLink() error {
	inbox := nats.NewInbox()
	acks, err := r.conn.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = acks.Unsubscribe() }()
	for last := uint64(0); ; {
		data := r.fill(r.load.most())
		if data == nil {
			return nil
		}
		m := &nats.Msg{Subject: r.subject, Reply: inbox, Data: data, Header: expecting(last)}
		if err := r.conn.PublishMsg(m); err != nil {
			return err
		}
		answer, err := acks.NextMsg(ingestPatience)
		if err != nil {
			return err
		}
		if _, err := understand(answer.Data); err != nil {
			return err
		}
		if last, err = r.comeBack(); err != nil {
			return err
		}
	}
}

// expecting returns headers with the sequence that the last message of the subject is expected to
// have.
func expecting(last uint64) nats.Header {
	return nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)}}
}

// The operations of fast ingest, in the reply subject of what is published:
// PREFIX.BATCH.FLOW.GAP.SEQUENCE.OPERATION.$FI
const (
	fastStart = iota
	fastAppend
)

// fastWindow is how many acknowledgements may be outstanding, as the authors of NATS advise.
const fastWindow = 2

// fastFlow returns after how many messages of a size, in bytes, an acknowledgement is wished
// for. NATS gives one after as many as it likes, up to that.
func fastFlow(size int) int {
	const most, bytes = 100, 4 << 20
	return min(most, max(1, bytes/size))
}

// fastReply returns the reply subject of a message.
func fastReply(inbox, batch string, flow int, sequence uint64, operation int) string {
	return fmt.Sprintf("%s.%s.%d.fail.%d.%d.$FI", inbox, batch, flow, sequence, operation)
}

// publishFast publishes all in one batch without an end, as fast as the server allows.
func (r *ingestRoom) publishFast() error {
	most := max(r.load.batch, 1)
	inbox, batch := nats.NewInbox(), nuid.Next()
	acks, err := r.conn.SubscribeSync(inbox + ".>")
	if err != nil {
		return err
	}
	defer func() { _ = acks.Unsubscribe() }()
	go r.discardReturned()
	acked, flow := uint64(0), uint64(0)
	hear := func(patience time.Duration) error {
		answer, err := acks.NextMsg(patience)
		if err != nil {
			return err
		}
		ack, err := understand(answer.Data)
		if err == nil {
			acked, flow = max(acked, ack.Sequence), ack.Messages
		}
		return err
	}
	for {
		data := r.fill(most)
		if data == nil {
			return nil
		}
		operation := fastAppend
		if r.sent == 1 {
			operation = fastStart
		}
		m := &nats.Msg{Subject: r.subject, Reply: fastReply(inbox, batch, fastFlow(len(data)), r.sent, operation), Data: data}
		if err := r.conn.PublishMsg(m); err != nil {
			return err
		}
		for pending, _, _ := acks.Pending(); pending > 0; pending-- {
			if err := hear(ingestPatience); err != nil {
				return err
			}
		}
		for flow == 0 || r.sent >= acked+fastWindow*flow {
			if err := hear(ingestPatience); err != nil {
				return fmt.Errorf("%d are sent, %d acknowledged, one after each %d: %w", r.sent, acked, flow, err)
			}
		}
	}
}

// discardReturned forgets what comes back, since the next message does not wait for it.
func (r *ingestRoom) discardReturned() {
	for {
		select {
		case <-r.returned:
		case <-r.ctx.Done():
			return
		}
	}
}

// A fastAck is what the stream says to a publisher.
type fastAck struct {
	Type     string // "ack", "gap", "err", or "": it is the acknowledgement of one message
	Sequence uint64 `json:"seq"`  // up to which messages of the batch are stored
	Messages uint64 `json:"msgs"` // after how many the next acknowledgement is given
	Error    *struct{ Description string }
}

// understand returns an acknowledgement, or the error that it is about.
func understand(answer []byte) (ack fastAck, err error) {
	if err := json.Unmarshal(answer, &ack); err != nil {
		return ack, fmt.Errorf("the stream says %q: %w", answer, err)
	}
	switch {
	case ack.Error != nil:
		return ack, errors.New(ack.Error.Description)
	case ack.Type == "gap":
		return ack, fmt.Errorf("the stream says %q", answer)
	}
	return ack, nil
}
