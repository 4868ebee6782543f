package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/client"
)

// Through a page a client knows the number, the time and the sender of a message, and
// what is old.
func TestNumbered(t *testing.T) {
	p := newPage(t)
	p.replay = 2
	for i := range 5 {
		p.say("bob", "bob", fmt.Sprint("before ", i+1))
	}
	c := join(t, p.URL, " alice ")
	if got := texts(catchUp(t, p, c)); got != "~4:before 4 ~5:before 5" {
		t.Errorf("the replay is %s", got)
	}
	p.say("eve", "alice", "it was me") // as number 7
	p.say("bob", "bob ", "hello")
	got := receive(t, c, 2)
	if got[0].From != "eve" || got[0].Name != "alice" || got[1].From != "bob" || got[1].Name != "bob " || got[1].Number != 8 {
		t.Errorf("received %+v", got)
	}
	for _, m := range got {
		if off := time.Since(m.Time); m.Old || off < -time.Second || off > testTimeout {
			t.Errorf("%+v is %v old", m, off)
		}
	}
	send(t, c, "mine")
	p.say("bob", "bob", "after that")
	receive(t, c, 1)
	if s := c.State(); s.Epoch != 7 || s.Number < 9 {
		t.Errorf("the state is %+v", s)
	}
	if c.Resumed() {
		t.Error("there was no state to resume")
	}
}

// Own messages are acknowledged by their numbers, and returned if that is wanted.
func TestOwn(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice", client.WithOwn())
	catchUp(t, p, c)
	p.with(func() { p.held = true })
	long := strings.Repeat("long ", 5000) // of more messages than a frame may have
	send(t, c, "one")
	send(t, c, long)
	want := append([]string{"one"}, client.Split(long)...)
	if got := c.Unacknowledged(); !slices.Equal(got, want) || c.Acknowledged() != 0 {
		t.Errorf("%d are unacknowledged, want %d", len(got), len(want))
	}
	p.with(func() { p.held = false })
	for i, m := range receive(t, c, len(want)) {
		if !m.Own || m.Text != want[i] || m.From != "alice" || m.Number != uint64(i+2) || m.Old {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
	if got := c.Unacknowledged(); len(got) != 0 || c.Acknowledged() != len(want) {
		t.Errorf("%q are unacknowledged", got)
	}
}

// A client that comes back gets what it missed, once and in order, from the memory and
// the history, and what of its own had arrived is not taken for another's.
func TestResume(t *testing.T) {
	for _, test := range []struct {
		what        string
		change      func(p *page)
		said, lost  string // while away; what was sent by alice is in capitals
		want        string
		unsent      string
		notResumed  bool
		withoutOwn  bool
		conn        bool
		mayNotAsk   bool
		atLeastPast int32
	}{
		{what: "nothing was said", want: ""},
		{what: "from memory", said: "a b c", want: "~5:a ~6:b ~7:c"},
		{what: "own had arrived", said: "X a Y b", lost: "X Y Z", want: ">5:X ~6:a >7:Y ~8:b", unsent: "Z"},
		{what: "own is not wanted", said: "X a Y b", lost: "X Y Z", want: "~6:a ~8:b", unsent: "Z", withoutOwn: true},
		{what: "only the next one is one's own", said: "Y a X X", lost: "X Y", want: "~5:Y ~6:a >7:X ~8:X", unsent: "Y"},
		{what: "from history", change: func(p *page) { p.kept = 1 }, said: "X a b c", lost: "X Y", want: ">5:X ~6:a ~7:b ~8:c", unsent: "Y", atLeastPast: 1},
		{what: "any bytes", said: "X\xff a\x80", lost: "X\xff", want: ">5:X\xff ~6:a\x80"},
		{what: "any bytes from history", change: func(p *page) { p.kept = 1 }, said: "X\xff a\x80 b", lost: "X\xff Y", want: ">5:X\xff ~6:a\x80 ~7:b", unsent: "Y", atLeastPast: 1},
		{what: "the history is busy", change: func(p *page) { p.kept, p.busy = 1, 1 }, said: "a b", want: "~5:a ~6:b", atLeastPast: 2},
		{what: "no history", change: func(p *page) { p.kept, p.history = 1, false }, said: "a b c", want: "(2) ~7:c", atLeastPast: 1},
		{what: "a part of the history is gone", change: func(p *page) { p.kept, p.gone = 1, 6 }, said: "a b c d e", want: "(2) ~7:c ~8:d ~9:e", atLeastPast: 1},
		{what: "nothing is left", change: func(p *page) { p.kept, p.history = 0, false }, said: "a b", want: "", atLeastPast: 1},
		{what: "another epoch", change: func(p *page) { p.epoch, p.replay = 8, 2 }, said: "a b c", lost: "X", want: "~6:b ~7:c", unsent: "X", notResumed: true},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := newPage(t)
			for i := range 3 {
				p.say("bob", "bob", fmt.Sprint(i))
			}
			p.replay = 3
			c := join(t, p.URL, "alice")
			catchUp(t, p, c) // with number 4
			p.with(func() { p.held = true })
			for _, text := range strings.Fields(test.lost) {
				send(t, c, text)
			}
			p.disconnect()
			if err := endOf(t, c); err == nil {
				t.Fatal("the connection goes on")
			}
			c.Close()
			state := c.State()
			if state.Number != 4 || strings.Join(state.Unacknowledged, " ") != test.lost {
				t.Fatalf("the state is %+v", state)
			}
			if test.change != nil {
				p.with(func() { test.change(p) })
			}
			for _, text := range strings.Fields(test.said) {
				name := "bob"
				if text[0] < 'a' {
					name = "alice"
				}
				p.say(name, name, text)
			}

			options := []client.Option{client.Resume(state), client.WithOwn()}
			if test.withoutOwn {
				options = options[:1]
			}
			c = join(t, p.URL, "alice", options...)
			if got := texts(catchUp(t, p, c)); got != test.want {
				t.Errorf("received %s\nwant     %s", got, test.want)
			}
			if got := strings.Join(c.Unacknowledged(), " "); got != test.unsent {
				t.Errorf("unacknowledged are %q, want %q", got, test.unsent)
			}
			if c.Resumed() == test.notResumed {
				t.Errorf("resumed: %v", c.Resumed())
			}
			if n := p.requests.Load(); n < test.atLeastPast || test.atLeastPast == 0 && n > 0 {
				t.Errorf("the history was asked %d times", n)
			}
			for _, text := range c.Unacknowledged() {
				send(t, c, text)
			}
			if got := strings.Join(c.Unacknowledged(), " "); got != test.unsent {
				t.Errorf("after they were sent again %q are unacknowledged, want %q", got, test.unsent)
			}
			if err := c.Finish(within(t)); err != nil {
				t.Errorf("Finish: %v", err)
			}
			if got := c.Unacknowledged(); len(got) > 0 {
				t.Errorf("in the end %q are unacknowledged", got)
			}
		})
	}
}

// In a cluster a client says at which server it was when something may not have arrived, and
// goes on saying so until it has caught up elsewhere.
func TestResumeElsewhere(t *testing.T) {
	p := newPage(t)
	p.server = 0xa
	c := join(t, p.URL, "alice")
	catchUp(t, p, c)
	for i, step := range []struct {
		send     string
		server   uint64 // the next one
		wantFrom uint64
	}{
		{"", 0xb, 0},
		{"lost", 0xc, 0xb},
		{"", 0, 0xc},
		{"", 0, 0},
	} {
		p.with(func() { p.held = true })
		if step.send != "" {
			send(t, c, step.send)
		}
		p.disconnect()
		if err := endOf(t, c); err == nil {
			t.Fatal("the connection does not end")
		}
		p.with(func() { p.held, p.server = false, step.server })
		before := c.State()
		c = join(t, p.URL, "alice", client.Resume(before))
		p.with(func() {
			if got, want := p.from[len(p.from)-1], fmt.Sprintf("%016x", step.wantFrom); got != want {
				t.Errorf("the client comes the time %d from %s, want %s", i+2, got, want)
			}
		})
		if got := c.State(); got.Server != before.Server {
			t.Errorf("before it has caught up, the client was at %x, and was at %x before", got.Server, before.Server)
		}
		catchUp(t, p, c)
		if got := c.State(); got.Server != step.server {
			t.Errorf("the client is at %x, want %x", got.Server, step.server)
		}
	}
}

// When the network breaks while the history is read, nothing is lost: the next
// connection goes on there.
func TestResumeInterrupted(t *testing.T) {
	p := newPage(t)
	p.say("bob", "bob", "first")
	p.replay, p.kept = 1, 1
	c := join(t, p.URL, "alice")
	catchUp(t, p, c)
	state := c.State()
	c.Close()
	for i := range 250 {
		p.say("bob", "bob", fmt.Sprint(i))
	}
	var got []client.Message
	p.with(func() { p.broken = 2 }) // after the first page
	connections := 0
	for ; len(got) < 250 && connections < 5; connections++ {
		c = join(t, p.URL, "alice", client.Resume(state))
		for m, err := range c.Receive(within(t)) {
			if closed, ok := errors.AsType[*client.ClosedError](err); ok && strings.Contains(closed.Error(), "can't be fetched") {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if got = append(got, m); len(got) == 250 {
				break
			}
		}
		c.Close()
		state = c.State()
	}
	for i, m := range got {
		if m.Text != fmt.Sprint(i) || m.Missed > 0 {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
	if len(got) != 250 || connections == 1 {
		t.Errorf("%d messages came over %d connections", len(got), connections)
	}
}

// A client that came into an empty room misses nothing of what was said since.
func TestResumeFromTheBeginning(t *testing.T) {
	p := newPage(t)
	p.replay = 1
	c := join(t, p.URL, "alice")
	p.with(func() { p.held = true })
	send(t, c, "X")
	p.disconnect()
	endOf(t, c)
	c.Close()
	for _, name := range []string{"bob", "alice", "bob"} {
		p.say(name, name, "X")
	}
	c = join(t, p.URL, "alice", client.Resume(c.State()), client.WithOwn())
	if got := texts(catchUp(t, p, c)); got != "~1:X >2:X ~3:X" || !c.Resumed() || len(c.Unacknowledged()) > 0 {
		t.Errorf("received %s", got)
	}
}

// Of a long absence the latest messages are fetched from the history.
func TestResumeLongAfter(t *testing.T) {
	p := newPage(t)
	p.say("bob", "bob", "first")
	p.replay = 1
	c := join(t, p.URL, "alice")
	catchUp(t, p, c)
	state := c.State()
	c.Close()
	for i := range 12_345 {
		p.say("bob", "bob", fmt.Sprint(i))
	}
	c = join(t, p.URL, "alice", client.Resume(state))
	got := catchUp(t, p, c)
	const fetched, kept = 10_000, 100
	if len(got) != fetched+kept || got[0].Missed != 12_345-fetched-kept || got[0].Text != fmt.Sprint(12_345-fetched-kept) {
		t.Fatalf("%d messages came, the first is %+v", len(got), got[0])
	}
	for i, m := range got[1:] {
		if m.Number != got[i].Number+1 || m.Missed != 0 {
			t.Fatalf("%+v comes after %+v", m, got[i])
		}
	}
}

// Finish waits until everything is acknowledged, whether or not a Receive is under
// way.
func TestFinishNumbered(t *testing.T) {
	for _, receives := range []bool{false, true} {
		t.Run(fmt.Sprintf("receives %v", receives), func(t *testing.T) {
			p := newPage(t)
			c := join(t, p.URL, "alice")
			end := make(chan error, 1)
			if receives {
				go func() { end <- endOf(t, c) }()
			} else {
				end <- nil
			}
			for i := range 1000 {
				p.say("bob", "bob", "meanwhile")
				send(t, c, fmt.Sprint(i))
			}
			if err := c.Finish(within(t)); err != nil {
				t.Errorf("Finish: %v", err)
			}
			if err := <-end; err != nil {
				t.Errorf("Receive: %v", err)
			}
			n := 0
			p.with(func() {
				for _, m := range p.log {
					if string(m.Name()) == "alice" {
						n++
					}
				}
			})
			if n != 1000 || len(c.Unacknowledged()) > 0 {
				t.Errorf("%d messages have arrived", n)
			}
			if err := c.Send(within(t), "more"); err == nil {
				t.Error("something could be sent after Finish")
			}
		})
	}
}

// Finish fails if the server ends before it has taken everything, or ctx does.
func TestFinishNumberedFails(t *testing.T) {
	p := newPage(t)
	for _, end := range []func(c *client.Client) error{
		func(c *client.Client) error {
			go p.disconnect()
			return c.Finish(within(t))
		},
		func(c *client.Client) error { return c.Finish(canceledSoon(t)) },
	} {
		c := join(t, p.URL, "alice")
		catchUp(t, p, c)
		p.with(func() { p.held = true })
		send(t, c, "hello")
		if err := end(c); err == nil {
			t.Error("it did not fail")
		}
		if got := c.Unacknowledged(); len(got) != 1 {
			t.Errorf("%q are unacknowledged", got)
		}
		p.with(func() { p.held = false })
	}
}

// The link that invites has the key. It is used if no other is given, and the server
// does not see it in a request.
func TestInvitation(t *testing.T) {
	p := newPage(t)
	inner := p.Config.Handler
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(fmt.Sprint(r.URL, r.Header, r.RequestURI), "key=") {
			t.Errorf("the key is in the request %v", r.URL)
		}
		inner.ServeHTTP(w, r)
	})
	for _, addr := range []string{p.URL + "/#key=key", p.URL + "#key=k%65y", p.URL + "/#a=b&key=key"} {
		c, err := client.Dial(within(t), addr, "alice", "")
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		c.Close()
	}
	_, err := client.Dial(within(t), p.URL+"/#key=key", "alice", "guess")
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || strings.Contains(refused.Error(), "#") {
		t.Errorf("with another key: %v", err)
	}
}

func TestParseLink(t *testing.T) {
	for _, test := range [][3]string{
		{"localhost:9000", "localhost:9000", ""},
		{"local#host:9000", "local#host:9000", ""},
		{"http://localhost:8080", "http://localhost:8080", ""},
		{"http://localhost:8080/#key=a%20b+c%23", "http://localhost:8080/", "a b+c#"},
		{"HTTPS://example.com/chat/#key=", "HTTPS://example.com/chat/", ""},
	} {
		addr, key, err := client.ParseLink(test[0])
		if err != nil || addr != test[1] || key != test[2] {
			t.Errorf("%s: %q, %q, %v", test[0], addr, key, err)
		}
	}
	for link, want := range map[string]string{
		"http://#key=secret":        `"http://" is not the address of a page, such as http://localhost:8080`,
		"http://a@b/#key=secret":    `"http://a@b/" is not the address of a page, such as http://localhost:8080`,
		"http://b/?q#key=secret":    `"http://b/?q" is not the address of a page, such as http://localhost:8080`,
		"http://b:port/#key=secret": `"http://b:port/" is not the address of a page, such as http://localhost:8080`,
		"http://b/#key=secret%":     "the key in the link to http://b/ is damaged: a % is not followed by two hexadecimal digits",
	} {
		if _, _, err := client.ParseLink(link); err == nil || err.Error() != want {
			t.Errorf("%s: %v", link, err)
		}
	}
}

// What is at the address and is no page of a sop-chat server is said.
func TestNoPage(t *testing.T) {
	for want, handler := range map[string]http.HandlerFunc{
		`it does not speak sop-chat.v2, as older servers don't`: func(w http.ResponseWriter, r *http.Request) {
			if conn, err := websocket.Accept(w, r, nil); err == nil {
				conn.Read(r.Context())
			}
		},
		`it answers "404 Not Found", and says: "404 page not found"`: http.NotFound,
		`it answers "429 Too Many Requests", and says: "try again in 15m0s"`: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "try again in 15m0s", http.StatusTooManyRequests)
		},
		`it sends us to "https://example.org/ws"; use that address, without its last part`: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.org/ws", http.StatusPermanentRedirect)
		},
		`it ends the connection instead of answering; is this the port of the page (--web)?`: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	} {
		s := httptest.NewServer(handler)
		_, err := client.Dial(within(t), s.URL, "alice", "key")
		if strings.Contains(want, "429") {
			want = s.URL + " does not let this address in: " + want
		} else {
			want = s.URL + " is not the page of a sop-chat server: " + want
		}
		if e, ok := errors.AsType[*client.HandshakeError](err); !ok || e.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		s.Close()
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := client.Dial(within(t), s.URL, "alice", "key", client.WithTLS(nil))
	if err == nil || !strings.Contains(err.Error(), "begins with https://") {
		t.Errorf("got %v", err)
	}
}

// How a connection through a page ends is told as over TCP.
func TestNumberedEnds(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice")
	for _, err := range c.Receive(canceledSoon(t)) {
		if err == nil {
			t.Error("there was nothing to receive")
		}
	}
	p.say("bob", "bob", "hello")
	receive(t, c, 1) // it goes on
	p.disconnect()
	if closed, ok := errors.AsType[*client.ClosedError](endOf(t, c)); !ok {
		t.Errorf("it ended with %v", closed)
	}
	c = join(t, p.URL, "alice")
	c.Close()
	if err := c.Send(within(t), "hello"); err == nil {
		t.Error("something could be sent after Close")
	}
	c = join(t, p.URL, "alice")
	p.with(func() {
		for m := range p.members {
			go m.conn.Close(websocket.StatusGoingAway, "")
		}
	})
	if closed, ok := errors.AsType[*client.ClosedError](endOf(t, c)); !ok || !errors.Is(closed, io.EOF) {
		t.Errorf("it ended with %v", closed)
	}
}

// opaque hides that a connection is one of TCP.
type opaque struct{ net.Conn }

// Over a connection of which the kernel says nothing, pings find out that the server
// does not answer. One that does is left alone.
func TestPings(t *testing.T) {
	const silence = 400 * time.Millisecond
	p := newPage(t)
	conn, err := net.Dial("tcp", p.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := join(t, p.URL, "alice", client.WithConn(opaque{conn}), client.WithSilence(silence))
	catchUp(t, p, c)
	p.say("bob", "bob", "unread") // so that the receiver is waited for
	<-time.After(3 * silence)
	receive(t, c, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*silence)
	defer cancel()
	for _, err := range c.Receive(ctx) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("an idle connection ended with %v", err)
		}
	}
	p.with(func() { p.held = true })
	send(t, c, "hello") // behind which nothing is read
	c.Probe()
	if closed, ok := errors.AsType[*client.ClosedError](endOf(t, c)); !ok || !errors.Is(closed, client.ErrNoAnswer) {
		t.Errorf("it ended with %v", closed)
	}
}
