package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const wait = 30 * time.Second

// start runs a server until the test ends or stop is called, and returns what it says first.
func start(t *testing.T, args ...string) (said string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	var stderr bytes.Buffer
	go func() {
		done <- run(ctx, args, in, &stderr)
		in.Close()
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err, stderr.String())
			}
		case <-time.After(wait):
			t.Error("the server does not end")
		}
	}
	t.Cleanup(stop)
	buffer := make([]byte, 4096)
	for strings.Count(said, "\n") < 2 {
		n, err := out.Read(buffer)
		if err != nil {
			t.Fatal(said, err)
		}
		said += string(buffer[:n])
	}
	return said, stop
}

// address returns where a server said that it is.
func address(t *testing.T, said string) string {
	_, rest, _ := strings.Cut(said, "nats://")
	url, _, ok := strings.Cut(rest, ",")
	if !ok {
		t.Fatalf("no address in %q", said)
	}
	return "nats://" + url
}

// What is stored is there after the server ended and another one began.
func TestServe(t *testing.T) {
	store := t.TempDir()
	for round := range 2 {
		said, stop := start(t, "--listen", "127.0.0.1:0", "--store", store)
		if !strings.Contains(said, "sop-chat 9000 KEY --cluster nats://127.0.0.1:") {
			t.Errorf("it says %q", said)
		}
		js, end := connect(t, address(t, said))
		s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "chat"})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.LastSeq; got != uint64(round) {
			t.Errorf("round %d: the stream has %d", round, got)
		}
		if _, err := js.Publish(t.Context(), "chat", []byte("hello")); err != nil {
			t.Fatal(err)
		}
		end()
		stop()
	}
}

func connect(t *testing.T, url string) (jetstream.JetStream, func()) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js, conn.Close
}

// Three servers have a stream with three replicas, and two of them go on with it.
func TestThree(t *testing.T) {
	var routes []string
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, listener.Addr().String())
		listener.Close()
	}
	urls, stops := make([]string, 3), make([]func(), 3)
	for i := range 3 {
		said, stop := start(
			t, "--listen", "127.0.0.1:0", "--store", t.TempDir(), "--name", fmt.Sprint("n", i), "--sync", "10s",
			"--routes", routes[i], "--peers", strings.Join(routes, ","),
		)
		if !strings.Contains(said, ",… --cluster-replicas 3") {
			t.Errorf("it says %q", said)
		}
		urls[i], stops[i] = address(t, said), stop
	}
	js, end := connect(t, urls[0])
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	try(t, ctx, func(ctx context.Context) error {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "chat", Replicas: 3})
		return err
	})
	stops[2]()
	try(t, ctx, func(ctx context.Context) error {
		_, err := js.Publish(ctx, "chat", []byte("hello"))
		return err
	})
}

// try does something until it works. What is asked while there is no leader may get no answer.
func try(t *testing.T, ctx context.Context, do func(context.Context) error) {
	t.Helper()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		one, cancel := context.WithTimeout(ctx, time.Second)
		err := do(one)
		cancel()
		if err == nil {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// What can't be done is said, and nothing is started.
func TestWrong(t *testing.T) {
	for args, want := range map[string]string{
		"":                                         "--store DIRECTORY",
		"--store x more":                           `"more"`,
		"--store x --listen 0.0.0.0:4222":          "anybody could connect",
		"--store x --listen host":                  "an address with a port",
		"--store x --sync never":                   "say always",
		"--store x --sync -1s":                     "say always",
		"--store x --peers 127.0.0.1:1":            "--routes ADDRESS",
		"--store x --routes 10.0.0.1:1":            "anybody could connect",
		"--store x --routes 127.0.0.1:1 --peers x": "an address with a port",
		"--nothing":                                "unknown flag",
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, and should have %q", args, err, want)
		}
	}
}

// What is said to be on the disk is there, unless it was wished otherwise.
func TestSync(t *testing.T) {
	for text, always := range map[string]bool{"always": true, "10s": false} {
		s := settings{listen: "127.0.0.1:0", store: "x", sync: text}
		options, err := s.options()
		if err != nil || options.SyncAlways != always || (options.SyncInterval == 10*time.Second) == always {
			t.Errorf("--sync %s: %v %v, %v", text, options.SyncAlways, options.SyncInterval, err)
		}
	}
}
