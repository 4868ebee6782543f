package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	gochat "sop-chat/client"
)

// A resumer is a program that joins through a page, and again whenever the connection
// breaks. It says numbers.
type resumer struct {
	t           testing.TB
	addr, name  string
	state       gochat.State
	said        int              // how many numbers
	heard       []gochat.Message // what was received, one's own too
	connections int
	connected   chan<- struct{} // is told of each
}

// talk says numbers up to a last one, over as many connections as it takes, and then
// hears what others have said.
func (r *resumer) talk(ctx context.Context, last int) {
	for ctx.Err() == nil {
		c, err := gochat.Dial(ctx, r.addr, r.name, key, gochat.Resume(r.state), gochat.WithOwn())
		if err != nil {
			<-time.After(10 * time.Millisecond) // the server is about to start again
			continue
		}
		r.connections++
		select {
		case r.connected <- struct{}{}:
		default:
		}
		if r.state.Epoch != 0 && !c.Resumed() {
			r.t.Errorf("%s: the server does not know %+v", r.name, r.state)
		}
		before := r.said - len(r.state.Unacknowledged)
		done := r.talkOver(ctx, c, last)
		r.state = c.State()
		r.said = before + c.Acknowledged() + len(r.state.Unacknowledged)
		if done {
			return
		}
	}
}

// talkOver reports whether everything has arrived over this connection.
func (r *resumer) talkOver(ctx context.Context, c *gochat.Client, last int) bool {
	var receiver sync.WaitGroup
	defer receiver.Wait()
	defer c.Close()
	ended := make(chan struct{})
	receiver.Go(func() {
		defer close(ended)
		for m, err := range c.Receive(ctx) {
			if err != nil {
				return
			}
			r.heard = append(r.heard, m)
		}
	})
	select {
	case <-c.CaughtUp():
	case <-ended:
		return false
	}
	for _, text := range c.Unacknowledged() {
		if c.Send(ctx, text) != nil {
			return false
		}
	}
	for i := r.said; i < last; i++ {
		if c.Send(ctx, strconv.Itoa(i)) != nil {
			return false
		}
		if i%4 == 0 {
			<-time.After(time.Millisecond) // so that it takes a while
		}
	}
	return c.Finish(ctx) == nil
}

// Whatever breaks, the network or the server, what a program says that resumes is in the
// room once and in order, and so is what it hears.
func TestResume(t *testing.T) {
	t.Parallel()
	flags := []string{
		"--history", filepath.Join(t.TempDir(), "chat.db"), "--history-sync", "0",
		"--replay", "512",
	} // so that the second to join hears all
	srv := startWeb(t, flags...)
	network := newRelay(t, fmt.Sprintf("127.0.0.1:%d", srv.webPort))
	ctx, cancel := context.WithTimeout(t.Context(), 8*testTimeout)
	defer cancel()
	last := scaled(2000, 5000)
	var talkers sync.WaitGroup
	connected := make(chan struct{}, 1)
	both := [2]*resumer{
		{t: t, name: "alice", connected: connected}, {t: t, name: "bob", connected: connected},
	}
	for _, r := range both {
		r.addr = "http://" + network.Addr().String()
		talkers.Go(func() { r.talk(ctx, last) })
	}
	finished := make(chan struct{})
	go func() { talkers.Wait(); close(finished) }()
	// Each break waits for a connection, and there is a last one, so that they come to an
	// end on a machine that connects more slowly than this breaks.
	for breaks := 1; breaks <= scaled(150, 600); breaks++ {
		select {
		case <-finished:
		case <-connected:
			<-time.After(time.Duration(5+rand.IntN(30)) * time.Millisecond)
			if breaks%8 == 0 {
				srv.kill()
				srv = startWebAt(t, srv.port, srv.webPort, flags...)
			}
			network.cut()
			network.mend()
		}
	}
	<-finished
	for _, r := range both {
		r.talk(ctx, last) // hears what was said since
		said := make(map[string]int)
		for i, m := range r.heard {
			if m.Number != uint64(i+1) || m.Missed > 0 || m.Own != (m.From == r.name) || m.Text != strconv.Itoa(said[m.From]) {
				t.Fatalf("%s: message %d is %+v, and %d were heard from there", r.name, i+1, m, said[m.From])
			}
			said[m.From]++
		}
		if said["alice"] != last || said["bob"] != last || r.connections < 2 {
			t.Errorf("%s heard %v over %d connections", r.name, said, r.connections)
		}
		t.Logf("%s: %d connections", r.name, r.connections)
	}
}
