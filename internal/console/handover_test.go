package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// Another console goes on where one was flushed: each line is printed once, also one of
// which a part was printed, and a client whose joining was not shown is not shown leaving.
func TestFlush(t *testing.T) {
	var out bytes.Buffer
	writer := &cutting{w: &out, left: -1}
	first := New(writer, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := broadcast.New(1<<20, broadcast.SegmentSize)
	first.Follow(log, "")
	go func() { ended <- first.Run(ctx) }()
	announce := func(kind broadcast.NoticeKind, id uint64) {
		log.Announce(&broadcast.Notice{Kind: kind, From: &broadcast.Sender{ID: id, Name: fmt.Sprint("guest ", id)}, Time: noon})
	}
	for id := range uint64(joinsEach + 1) {
		announce(broadcast.Accepted, id)
		announce(broadcast.Joined, id)
	}
	flushed(t, first)
	if got := strings.Count(out.String(), "joined"); got != joinsEach {
		t.Fatalf("%d joined:\n%s", got, &out)
	}
	if !strings.Contains(out.String(), "1 more in 10 s") {
		t.Errorf("what was not shown is not said:\n%s", &out)
	}
	writer.left = 7 // of the next line
	announce(broadcast.Left, 0)
	former := flushed(t, first)
	cancel()
	<-ended
	if !strings.HasSuffix(out.String(), "\n* \"gues") || !former.Fails {
		t.Fatalf("printed %q; %+v", out.String()[out.Len()-20:], former)
	}
	writer.left = -1
	second := New(writer, Options{Former: former})
	second.Follow(log, "")
	wait := run(t, second)
	announce(broadcast.Left, joinsEach) // was not shown
	announce(broadcast.Left, 1)
	log.Close()
	wait()
	if !strings.HasSuffix(out.String(), "\n* \"guest 0\" left\n* \"guest 1\" left\n") {
		t.Errorf("at the end was printed:\n%s", out.String()[out.Len()-60:])
	}
}

func flushed(t *testing.T, c *Console) Former {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	former, err := c.Flush(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return former
}

// A cutting writer fails after some bytes, unless left is negative.
type cutting struct {
	w    io.Writer
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left < 0 {
		return c.w.Write(p)
	}
	n := min(c.left, len(p))
	c.left -= n
	c.w.Write(p[:n])
	return n, syscall.ENOSPC
}

// Flush gives up on an output that nobody reads; the console goes on.
func TestFlushStuck(t *testing.T) {
	in, out := io.Pipe()
	c := New(out, Options{})
	log := broadcast.New(1<<20, broadcast.SegmentSize)
	c.Follow(log, "")
	wait := run(t, c)
	log.Announce(&broadcast.Notice{Kind: broadcast.Joined, From: &broadcast.Sender{ID: 1, Name: "alice"}, Time: noon})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Flush(ctx); !errors.Is(err, errStuck) {
		t.Errorf("Flush() = %v", err)
	}
	log.Close()
	go func() {
		wait()
		out.Close()
	}()
	if printed, err := io.ReadAll(in); err != nil || string(printed) != "* \"alice\" joined\n" {
		t.Errorf("printed %q, %v", printed, err)
	}
}
