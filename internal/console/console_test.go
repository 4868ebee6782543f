package console

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A room is a log to append to, and what a console should print of it.
type room struct {
	t     *testing.T
	log   *broadcast.Log
	batch *broadcast.Batch
	alice *broadcast.Sender
	lines []string
	done  chan error // what Run returned
}

const backlog = 32 << 20 // the server's default

func newRoom(t *testing.T, backlog int) *room {
	return &room{
		t:     t,
		log:   broadcast.New(backlog, broadcast.SegmentSize),
		batch: broadcast.NewBatch(broadcast.SegmentSize),
		alice: sender("alice"),
		done:  make(chan error, 1),
	}
}

// open starts a console on a new log. It runs until the test ends, or close.
func open(t *testing.T, c *Console, backlog int) *room {
	r := newRoom(t, backlog)
	c.Follow(r.log, "")
	go func() { r.done <- c.Run(context.Background()) }()
	c.Finish()
	t.Cleanup(r.log.Close)
	return r
}

// say appends n messages, as an event loop does.
func (r *room) say(n int) {
	for range n {
		text := fmt.Sprint("message ", len(r.lines))
		m, err := wire.New("alice", text)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(r.batch.Free()) == 0 {
			r.flush()
		}
		copy(r.batch.Free(), m[:])
		r.batch.Add(r.alice, wire.Size)
		r.lines = append(r.lines, "alice: "+text)
	}
	r.flush()
}

func (r *room) flush() {
	r.log.Append(r.batch, noon)
	r.log.Wake(nil)
}

// announce says that somebody joined.
func (r *room) announce(name string) {
	r.log.Announce(&broadcast.Notice{Kind: broadcast.Joined, From: sender(name), Time: noon})
	r.lines = append(r.lines, fmt.Sprintf("* %q joined", name))
}

// close ends the log and waits until the console is done.
func (r *room) close() {
	r.t.Helper()
	r.log.Close()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run() = %v", err)
	}
}

// check fails unless all was printed, or counted where it is missing.
func (r *room) check(printed string) {
	r.t.Helper()
	if err := checkComplete(printed, r.lines); err != nil {
		r.t.Error(err)
	}
}

// Messages and events are printed in the one order they have, and all of them
// before Run returns.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	r := open(t, New(&out, Options{}), backlog)
	for range 100 {
		r.announce("alice")
		r.say(3)
		r.announce("bob")
	}
	r.close()
	r.check(out.String())
	if strings.Contains(out.String(), "left out") {
		t.Error("something was left out")
	}
}

// A burst of 20,000 messages comes through a pipe whole.
func TestBurstIntoPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	printed := make(chan string)
	go func() {
		var all strings.Builder
		if _, err := bufio.NewReader(reader).WriteTo(&all); err != nil {
			t.Error(err)
		}
		printed <- all.String()
	}()
	r := open(t, New(writer, Options{}), backlog)
	r.say(20_000)
	r.close()
	writer.Close()
	out := <-printed
	r.check(out)
	if n := strings.Count(out, "\n"); n != 20_000 {
		t.Errorf("%d lines, want 20000", n)
	}
}

// While nobody reads the output the room goes on; then one line says exactly
// how many messages are missing.
func TestStuckOutput(t *testing.T) {
	var out bytes.Buffer
	stuck, release := make(chan bool), make(chan bool)
	c := New(writerFunc(func(p []byte) (int, error) {
		if out.Len() == 0 {
			stuck <- true
			<-release
		}
		return out.Write(p)
	}), Options{})
	r := open(t, c, 4*broadcast.SegmentSize)
	r.say(1)
	<-stuck
	r.say(5000)
	close(release)
	r.close()
	r.check(out.String())
	if n := strings.Count(out.String(), "left out here: the console could not keep up\n"); n != 1 {
		t.Errorf("%d gaps, want 1", n)
	}
}

// If the reader of the output goes away, the room lives on and the log says so
// once, without anything that clients sent.
func TestClosedOutput(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	var log bytes.Buffer
	r := open(t, New(writer, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), backlog)
	r.log.Announce(&broadcast.Notice{Kind: broadcast.Refused, From: r.alice, Key: "secret"})
	r.say(1000)
	r.close()
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "broken pipe") {
		t.Errorf("logged %q, want one line with the error", log.String())
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("a key was logged: %q", log.String())
	}
}

// Run gives up when its context is done, though the room goes on.
func TestRunGivesUp(t *testing.T) {
	t.Run("quiet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := New(io.Discard, Options{})
			c.Follow(broadcast.New(backlog, broadcast.SegmentSize), "")
			done := make(chan error)
			go func() { done <- c.Run(ctx) }()
			synctest.Wait()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Run() = %v, want %v", err, context.Canceled)
			}
		})
	})
	t.Run("busy", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		writes := 0
		c := New(writerFunc(func(p []byte) (int, error) {
			writes++
			cancel()
			return len(p), nil
		}), Options{})
		r := newRoom(t, backlog)
		c.Follow(r.log, "")
		r.say(1000)
		if err := c.Run(ctx); !errors.Is(err, context.Canceled) || writes != 1 {
			t.Errorf("Run() = %v after %d writes, want %v after 1", err, writes, context.Canceled)
		}
	})
}

// Options choose what is printed.
func TestOptions(t *testing.T) {
	clock := noon.Format(time.TimeOnly)
	for _, test := range []struct {
		options Options
		want    string // what the line begins with
	}{
		{Options{}, "alice: hello"},
		{Options{Times: true}, clock + " alice: hello"},
		{Options{Colours: true}, colourOf("alice") + "alice"},
		{Options{Format: JSON, Times: true, Colours: true}, `{"time":"2026-`},
	} {
		var out bytes.Buffer
		printMessages(New(&out, test.options), &feed{}, "hello")
		if !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("%+v: printed %q, want %q", test.options, out.String(), test.want)
		}
	}
}
