package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// All ways publish to a real server, and all comes back in order.
func testIngest(t *testing.T, binaries ...string) {
	defer func(loads []ingestLoad) { ingestLoads = loads }(ingestLoads)
	ingestLoads = []ingestLoad{{rooms: 1, batch: 50}, {rooms: 3, rate: 100}}
	var out, progress bytes.Buffer
	if err := run(t.Context(), append(binaries,
		"--ingest", "--only", "1-lazy", "--rounds", "1", "--warmup", "100ms", "--duration", "300ms",
	), &out, &progress); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(progress.String(), "failed") || strings.Count(out.String(), " - ") > 1 {
		t.Error(progress.String(), out.String())
	}
	for _, want := range []string{"a room, batches of 50", "3 rooms, 100/s each"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, out.String())
		}
	}
}

// The median is the round in the middle; of no round there is none.
func TestMedianIngest(t *testing.T) {
	rounds := []ingestResult{{messages: 1, p50: 30}, {messages: 2, p50: 10}, {messages: 3, p50: 20}}
	if got := medianIngest(rounds); got.messages != 3 {
		t.Errorf("got %+v", got)
	}
	if got := medianIngest(nil).cells(); !strings.Contains(got, "-") {
		t.Errorf("nothing is %q", got)
	}
}

// What a message of NATS says that was refused, or is missing, is an error.
func TestUnderstand(t *testing.T) {
	for answer, want := range map[string]string{
		`{"type":"ack","seq":100,"msgs":50}`:                             "",
		`{"stream":"ingest","seq":7}`:                                    "",
		`{"type":"gap","last_seq":3,"seq":5}`:                            "gap",
		`{"type":"err","seq":3,"error":{"description":"no space"}}`:      "no space",
		`{"stream":"ingest","error":{"code":400,"description":"wrong"}}`: "wrong",
		`nothing`: "nothing",
	} {
		ack, err := understand([]byte(answer))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v", answer, ack, err)
		}
	}
}

// The first message of a fast batch can say which one it expects to be the last of its subject. The others can't:
// a publisher is not told their sequences. So those that are still under way when another
// publisher has begun with a right expectation are appended behind its messages. This is why the
// link of a cluster does not use fast ingest; if this test fails, NATS has changed.
func TestFastIngestDoesNotFence(t *testing.T) {
	js, conn := startStream(t)
	begin := func(batch, text string, last string) (fastAck, error) {
		inbox := nats.NewInbox()
		return ask(t, conn, &nats.Msg{
			Subject: "ingest.0", Reply: fastReply(inbox, batch, 1, 1, fastStart), Data: []byte(text),
			Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {last}},
		})
	}
	if _, err := begin("a", "first", "0"); err != nil {
		t.Fatal(err)
	}
	if _, err := begin("b", "too early", "0"); err == nil {
		t.Error("a batch began with a wrong expectation")
	}
	if _, err := begin("b", "of another publisher", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, conn, &nats.Msg{
		Subject: "ingest.0", Reply: fastReply(nats.NewInbox(), "a", 1, 2, fastAppend), Data: []byte("late"),
	}); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "ingest")
	if err != nil {
		t.Fatal(err)
	}
	last, err := stream.GetLastMsgForSubject(t.Context(), "ingest.0")
	if err != nil || last.Sequence != 3 || string(last.Data) != "late" {
		t.Errorf("the last message is %+v, %v", last, err)
	}
}

// startStream runs a server in this process, with a stream for fast ingest.
func startStream(t *testing.T) (jetstream.JetStream, *nats.Conn) {
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, JetStream: true, StoreDir: filepath.Join(t.TempDir(), "store"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("it does not listen")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if _, err := makeStream(ctx, js, jetstream.StreamConfig{
		Name: "ingest", Subjects: []string{"ingest.*"}, AllowBatchPublish: true,
	}); err != nil {
		t.Fatal(err)
	}
	return js, conn
}

// ask publishes a message and returns the first answer that is about it, not about how to go
// on.
func ask(t *testing.T, conn *nats.Conn, m *nats.Msg) (fastAck, error) {
	t.Helper()
	answers, err := conn.SubscribeSync(m.Reply)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := answers.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if ack, err := understand(answer.Data); err != nil || ack.Sequence > 0 {
			return ack, err
		}
	}
}
