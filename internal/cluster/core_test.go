package cluster

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

var noon = time.Unix(50_000, 0)

// newTestCore returns a core that has read all of a model's stream, and its only room.
func newTestCore(t *testing.T, m *model, name string) (*core, *room, *fakeRoom) {
	c := newCore("chat", name, instance{name[0]}, func(err error) { t.Logf("%s reports: %v", name, err) })
	c.position, c.now, c.keep = m.last(), noon, m.keep
	from, err := c.prepare(context.Background(), m, "lobby", 0, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	sink := newFakeRoom(t)
	sink.BeginAt(from.from, 1)
	r := &room{name: "lobby", sink: sink, at: from.at, from: from.from, spoken: from.spoken}
	if err := c.add(r); err != nil {
		t.Fatal(err)
	}
	run(t, c, m)
	return c, r, sink
}

// run has a core read and publish until it has nothing to do.
func run(t *testing.T, c *core, m *model) {
	t.Helper()
	if !c.isReading {
		if ok, err := c.opened(m.info(m.last()), m.created, at(m, c.position)); !ok || err != nil {
			t.Fatalf("the stream is not read: %v, %v", ok, err)
		}
	}
	for {
		switch {
		case len(c.actions) > 0:
			action := c.actions[0]
			c.actions = c.actions[1:]
			switch a := action.(type) {
			case publishAction:
				_, err := m.append(a.subject, a.last, a.data)
				c.published(a, err)
			case catchAction:
				next, err := m.Next(context.Background(), c.prefix+"."+token(a.room.name)+".*", a.from)
				if err := c.caught(a.room, next, m.first, err); err != nil {
					t.Fatal(err)
				}
			case recallAction:
				_, err := m.append(a.subject, AnyLast, a.data)
				c.recalled(a, err)
			case lookAction:
				c.looked(m.Subjects(context.Background(), c.prefix+"."+serversToken+".*"))
			case askAction:
				last, _ := m.lastOf(a.subject, m.last())
				if err := c.answered(a.room, last.Seq, m.info(m.last()), nil); err != nil {
					t.Fatal(err)
				}
			}
		case c.position < m.last():
			if _, err := c.receive(m.all[c.position]); err != nil {
				t.Fatal(err)
			}
		default:
			return
		}
	}
}

func at(m *model, seq uint64) Message {
	if seq == 0 || seq > m.last() || seq < m.first {
		return Message{}
	}
	return m.all[seq-1]
}

// A stream that is not the one that was read, or has less or more than it can, ends the link.
func TestOpened(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*model)
		want   error
	}{
		"nothing has changed":  {func(*model) {}, nil},
		"there is more":        {func(m *model) { m.append("chat.x.y", 0, nil) }, nil},
		"all but one dropped":  {func(m *model) { m.first = m.last() }, nil},
		"all dropped":          {func(m *model) { m.first = m.last() + 1 }, ErrTooFarBehind},
		"not read and dropped": {func(m *model) { m.append("chat.x.y", 0, nil); m.append("chat.x.z", 0, nil); m.first = m.last() }, ErrTooFarBehind},
		"created again":        {func(m *model) { m.created = noon }, ErrStreamReplaced},
		"truncated":            {func(m *model) { m.all = m.all[:m.last()-1] }, ErrStreamReplaced},
		"truncated and filled": {func(m *model) { m.all = m.all[:m.last()-1]; noonish(m); m.append("chat.x.y", 0, nil) }, ErrStreamReplaced},
		"purged":               {func(m *model) { m.all, m.first = nil, 1 }, ErrStreamReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel(func() time.Time { return noon })
			c, _, _ := newTestCore(t, m, "a")
			created := m.created
			test.change(m)
			c.closed()
			var err error
			isOK := false
			for ; err == nil && !isOK && c.now.Sub(noon) <= maxDoubt; c.now = c.now.Add(maxRetry) {
				isOK, err = c.opened(m.info(m.last()), created, at(m, c.position))
			}
			if !errors.Is(err, test.want) || isOK != (test.want == nil) {
				t.Errorf("%v, %v; want %v", isOK, err, test.want)
			}
		})
	}
}

// A leader that is cut off from the others may answer for 20 s with what it had, while another
// one leads. A server that has read from that one goes on when it reaches it again.
func TestOpenedByFormerLeader(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, _, _ := newTestCore(t, m, "a")
	last := uint64(0)
	for range 3 {
		former := m.last()
		last, _ = m.append("chat.x.y", last, nil)
		run(t, c, m)
		c.closed()
		for until := c.now.Add(20 * time.Second); c.now.Before(until); c.now = c.now.Add(minBackoff) {
			if ok, err := c.opened(m.info(former), m.created, Message{}); ok || err != nil {
				t.Fatalf("after %v: %v, %v", c.now.Sub(noon), ok, err)
			}
		}
	}
	if ok, err := c.opened(m.info(m.last()), m.created, at(m, c.position)); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// noonish has what a model takes be later than before.
func noonish(m *model) { m.now = func() time.Time { return noon.Add(time.Second) } }

// What was acknowledged, then lost by the stream, and not read by anybody, is published again.
func TestLostAfterAcknowledgement(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, r, sink := newTestCore(t, m, "a")
	member := &broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	sink.say(member, "hello")
	c.publish(r)
	for r.out == nil {
		a := c.actions[0].(askAction)
		c.actions = c.actions[1:]
		last, _ := m.lastOf(a.subject, m.last())
		if err := c.answered(r, last.Seq, m.info(m.last()), nil); err != nil {
			t.Fatal(err)
		}
	}
	c.published(c.actions[0].(publishAction), nil) // but the stream does not have it any more
	c.actions = nil
	for _, later := range []time.Duration{patience / 2, patience} {
		if err := c.tick(noon.Add(later)); err != nil {
			t.Fatal(err)
		}
		if again := len(c.actions) > 0; again != (later == patience) {
			t.Fatalf("after %v it was published again: %v", later, again)
		}
	}
	run(t, c, m)
	if len(sink.texts) != 1 || len(sink.unreturned) != 0 {
		t.Errorf("%q came back, %d did not", sink.texts, len(sink.unreturned))
	}
}

// A server that finds something of its own instance in the stream that it did not say ends.
func TestSameInstance(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, _, _ := newTestCore(t, m, "a")
	twin, r, sink := newTestCore(t, m, "a")
	sink.say(&broadcast.Sender{Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}, "hello")
	twin.publish(r)
	run(t, twin, m)
	if _, err := c.receive(m.all[c.position]); !errors.Is(err, ErrFenced) {
		t.Errorf("%v, want %v", err, ErrFenced)
	}
}

// A claim of the name by another instance is answered, and a server that has lost it ends.
func TestClaims(t *testing.T) {
	ctx := context.Background()
	m := newModel(func() time.Time { return noon })
	c, _, _ := newTestCore(t, m, "a")
	subject := claimSubject(c.prefix, c.server)
	none := func(context.Context) error { return nil }
	if err := claim(ctx, m, subject, c.instance, none); err != nil {
		t.Fatal(err)
	}
	run(t, c, m)

	answers := func(context.Context) error {
		run(t, c, m)
		if a := c.actions; len(a) > 0 {
			t.Fatalf("%v has yet to be done", a)
		}
		return nil
	}
	read := m.last()
	other := instance{99}
	err := claim(ctx, m, subject, other, func(ctx context.Context) error {
		if c.position == read { // reads the claim
			if _, err := c.receive(m.all[c.position]); err != nil {
				t.Fatal(err)
			}
			a := c.actions[0].(claimAction)
			c.actions = nil
			if _, err := m.append(a.subject, a.last, a.data); err != nil {
				t.Fatal(err)
			}
			c.reclaimed()
		}
		return answers(ctx)
	})
	if !errors.Is(err, ErrNameTaken) || c.contested != 0 {
		t.Fatalf("%v, want %v; contested: %d", err, ErrNameTaken, c.contested)
	}

	if err := claim(ctx, m, subject, other, none); err != nil { // the server does not read meanwhile
		t.Fatal(err)
	}
	for c.position < m.last() && err != nil {
		if _, err = c.receive(m.all[c.position]); errors.Is(err, ErrFenced) {
			return
		}
		err = ErrNameTaken
	}
	t.Error("the server that has lost its name goes on")
}

// A formerLeader answers with what the stream had up to a sequence, each other time.
type formerLeader struct {
	*model
	to    uint64
	asked int
}

func (s *formerLeader) Last(ctx context.Context, subject string) (Message, error) {
	if s.asked++; s.asked%2 == 0 {
		return s.lastOf(subject, s.to)
	}
	return s.model.Last(ctx, subject)
}

// That another had a name before it was claimed is no answer to the claim.
func TestClaimAnsweredByFormerLeader(t *testing.T) {
	ctx := context.Background()
	m := newModel(func() time.Time { return noon })
	const subject = "chat.=servers.a"
	wait := func(context.Context) error { return nil }
	if err := claim(ctx, m, subject, instance{1}, wait); err != nil {
		t.Fatal(err)
	}
	s := &formerLeader{model: m, to: m.last()}
	if err := claim(ctx, s, subject, instance{2}, wait); err != nil {
		t.Error(err)
	}
	s.asked = 0
	isUnacknowledged := false
	err := claim(ctx, s, subject, instance{3}, func(context.Context) error {
		if !isUnacknowledged { // an earlier attempt to say that the name is its own arrives late
			isUnacknowledged = true
			_, err := m.append(subject, m.last(), appendHeader(nil, &batch{kind: kindOwn, instance: instance{3}}))
			return err
		}
		return nil
	})
	if !errors.Is(err, ErrWrongLast) { // so that it is tried again
		t.Errorf("%v, want %v", err, ErrWrongLast)
	}
	if err := claim(ctx, m, subject, instance{3}, wait); err != nil {
		t.Error(err)
	}
}

// A name that was released is taken without waiting, by an instance that has it without asking.
func TestRelease(t *testing.T) {
	ctx := context.Background()
	m := newModel(func() time.Time { return noon })
	wait := func(context.Context) error { t.Fatal("waits"); return nil }
	for i := range 3 {
		id := instance{byte(i + 1)}
		for range 2 { // the second time it has the name
			if err := claim(ctx, m, "chat.=servers.a", id, wait); err != nil {
				t.Fatal(err)
			}
		}
		if err := release(ctx, m, "chat.=servers.a", instance{99}); err != nil || m.last() != uint64(2*i+1) {
			t.Fatalf("%v, %d messages: another released the name", err, m.last())
		}
		if err := release(ctx, m, "chat.=servers.a", id); err != nil {
			t.Fatal(err)
		}
	}
}

// said has a member say something, and returns the attempt to publish that.
func said(t *testing.T, c *core, m *model, r *room, text string) publishAction {
	t.Helper()
	r.sink.(*fakeRoom).say(&broadcast.Sender{ID: 1, Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}, text)
	c.publish(r)
	for {
		action := c.actions[0]
		c.actions = c.actions[1:]
		switch a := action.(type) {
		case publishAction:
			return a
		case askAction:
			last, _ := m.lastOf(a.subject, m.last())
			if err := c.answered(r, last.Seq, m.info(m.last()), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is under way, and may have been in the stream and dropped, is not published again by a
// server that has not read what was dropped.
func TestUnreadNotRepeated(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, r, _ := newTestCore(t, m, "a")
	attempt := said(t, c, m, r, "hello")
	if _, err := m.append(attempt.subject, attempt.last, attempt.data); err != nil {
		t.Fatal(err)
	}
	c.published(attempt, errNetwork)
	m.append("chat.x.y", 0, nil)
	m.first = m.last() + 1

	if err := c.answered(r, 0, m.info(m.last()), nil); err != nil || len(c.actions) > 0 { // reads slowly
		t.Fatalf("%v, %v", c.actions, err)
	}
	c.closed()
	if err := c.tick(noon.Add(time.Hour)); err != nil || len(c.actions) > 0 {
		t.Fatalf("%v, %v", c.actions, err)
	}
	if _, err := c.opened(m.info(m.last()), m.created, Message{}); !errors.Is(err, ErrTooFarBehind) {
		t.Errorf("%v, want %v", err, ErrTooFarBehind)
	}
}

// Each attempt says what the server knows when it is made.
func TestFactOfRetry(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, r, _ := newTestCore(t, m, "a")
	attempt := said(t, c, m, r, "hello")
	c.published(attempt, errNetwork)
	other, elsewhere, _ := newTestCore(t, m, "b")
	said(t, other, m, elsewhere, "hi")
	if err := other.tick(noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	elsewhere.out.isTried = false
	if err := other.tick(noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	run(t, other, m)
	run(t, c, m)
	if err := c.tick(noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b, err := parse(c.actions[0].(publishAction).data)
	if want := (fact{m.last(), r.at.number}); err != nil || b.fact != want || r.at.number != r.from+1 {
		t.Errorf("%+v, %v; want %+v", b.fact, err, want)
	}
}

// A room whose messages are dropped while it catches up is too far behind.
func TestDroppedWhileCatchingUp(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, r, _ := newTestCore(t, m, "a")
	r.until = 100
	if err := c.caught(r, Message{}, r.at.seq+1, errNetwork); err != nil {
		t.Fatal(err)
	}
	if err := c.caught(r, Message{}, r.at.seq+2, ErrNoMessage); !errors.Is(err, ErrTooFarBehind) {
		t.Errorf("%v, want %v", err, ErrTooFarBehind)
	}
}

// A stream whose last message of a subject is older than what came back is suspected for a
// while, and then taken for another.
func TestSuspicion(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	c, r, _ := newTestCore(t, m, "a")
	attempt := said(t, c, m, r, "hello")
	r.expected = m.last()
	c.published(attempt, ErrWrongLast)
	for i := range maxSuspicions + 1 {
		err := c.answered(r, r.expected-1, m.info(m.last()), nil)
		if isLast := i == maxSuspicions; errors.Is(err, ErrStreamReplaced) != isLast {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
}

// A room that is new to the stream goes on behind what a server's history has of it, at all
// servers; and one that is not keeps its numbers.
func TestFirstNumberIsBehindHistory(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	for _, test := range []struct {
		room           string
		number, expect uint64
	}{{"lobby", 5000, 5000}, {"lobby", 0, 5000}, {"lobby", 7000, 5000}, {"hall", 0, numbersPerSequence + 1}} {
		c := newCore("chat", "a", instance{'a'}, func(error) {})
		start, err := c.prepare(context.Background(), m, test.room, test.number, 10, 0, nil)
		if err != nil || start.from != test.expect {
			t.Errorf("the room %q of a server that lacks %d begins at %d, %v; want %d", test.room, test.number, start.from, err, test.expect)
		}
	}
}

// What was not answered while the stream was away is tried again as soon as it is read again, but not what
// was acknowledged, or is suspected.
func TestRetriedWhenOpened(t *testing.T) {
	for _, tc := range []struct {
		name       string
		err        error
		suspicions int
		retried    bool
	}{
		{"no answer", errNetwork, 0, true},
		{"acknowledged", nil, 0, false},
		{"suspected", errNetwork, 1, false},
	} {
		m := newModel(func() time.Time { return noon })
		c, r, _ := newTestCore(t, m, "a")
		attempt := said(t, c, m, r, "hello")
		if err := c.tick(noon); err != nil {
			t.Fatal(err)
		}
		c.published(attempt, tc.err)
		r.suspicions = tc.suspicions
		c.closed()
		if ok, err := c.opened(m.info(m.last()), m.created, at(m, c.position)); !ok || err != nil {
			t.Fatalf("%s: %v, %v", tc.name, ok, err)
		}
		if err := c.tick(noon.Add(time.Millisecond)); err != nil || (len(c.actions) == 1) != tc.retried {
			t.Errorf("%s: the actions are %v, %v", tc.name, c.actions, err)
		}
	}
}

// A client of another server is known by the name with which it joined, whatever its messages say, and
// has no ID that is a client's of this one.
func TestForeignSender(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	a, there, saying := newTestCore(t, m, "a")
	b, _, hearing := newTestCore(t, m, "b")
	saying.claims, hearing.claims = true, true
	follower := hearing.own.FollowLossless()
	at := netip.MustParseAddrPort("127.0.0.1:1")
	for _, s := range []*broadcast.Sender{{ID: 7, Name: "eve", Addr: at}, {Name: "server", Addr: at}} {
		saying.say(s, "hello")
		message, err := wire.New("alice", "hello")
		if err != nil {
			t.Fatal(err)
		}
		saying.unreturned[len(saying.unreturned)-1].Message = message
		a.publish(there)
		run(t, a, m)
	}
	run(t, b, m)
	var entries [3]broadcast.Entry
	n := follower.Take(entries[:])
	if n != 2 {
		t.Fatalf("%d messages come, want 2", n)
	}
	client, server := entries[0].From, entries[1].From
	if client.Name != "eve" || client.ID == 7 || !client.IsElsewhere() || string(entries[0].Message.Name()) != "alice" {
		t.Errorf("%q is from %+v", entries[0].Message.Name(), client)
	}
	if server.Name != "server" || server.ID != 0 || server.IsElsewhere() {
		t.Errorf("%q is from %+v, which is no client", entries[1].Message.Name(), server)
	}
}
