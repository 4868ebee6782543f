package cluster

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// enter has a client that says which one it is be in a room.
func enter(r *room, client uint64) *simConn {
	n := &simConn{client: &simClient{id: client}, sender: &broadcast.Sender{ID: client, Name: "page", Addr: netip.MustParseAddrPort("127.0.0.1:2")}}
	r.sink.(*fakeRoom).enter(client, n)
	return n
}

// What a client said at a server that is cut off does not arrive after the client was let in
// elsewhere, what others said does, and what came before the record is there.
func TestRecall(t *testing.T) {
	for name, isEarly := range map[string]bool{"before": true, "after": false} {
		t.Run(name, func(t *testing.T) {
			m := newModel(func() time.Time { return noon })
			a, there, sinkThere := newTestCore(t, m, "a")
			if err := claim(context.Background(), m, claimSubject(a.prefix, a.server), a.instance, nil); err != nil {
				t.Fatal(err)
			}
			b, _, sinkHere := newTestCore(t, m, "b")
			page := enter(there, 7)
			sinkThere.say(page.sender, "of the page")
			attempt := said(t, a, m, there, "of another")
			if isEarly {
				m.append(attempt.subject, attempt.last, attempt.data)
			}
			isDone := false
			b.recall("lobby", 7, ServerID("a"), func() { isDone = true })
			if isDone {
				t.Fatal("the client is let in at once")
			}
			run(t, b, m)
			if want := map[bool]int{true: 2, false: 0}[isEarly]; !isDone || len(sinkHere.texts) != want {
				t.Fatalf("done: %v, and %q have arrived", isDone, sinkHere.texts)
			}
			if _, err := m.append(attempt.subject, attempt.last, attempt.data); !errors.Is(err, ErrWrongLast) {
				t.Fatalf("the attempt from before succeeds: %v", err)
			}
			a.published(attempt, ErrWrongLast)
			run(t, a, m)
			if err := a.tick(noon.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			sinkThere.say(page.sender, "was in the socket")
			a.publish(there)
			run(t, a, m)
			want := map[bool]string{true: "of the page", false: "of another"}[isEarly]
			if len(sinkThere.texts) == 0 || sinkThere.texts[0] != want || len(sinkThere.unreturned) != 0 || !page.ended {
				t.Errorf("%q were delivered there, %d have yet to come back, ended: %v", sinkThere.texts, len(sinkThere.unreturned), page.ended)
			}
			if n := map[bool]int{true: 2, false: 1}[isEarly]; len(sinkThere.texts) != n || there.out != nil {
				t.Errorf("%q were delivered, want %d", sinkThere.texts, n)
			}
		})
	}
}

// A server that has yet to find out which message is its last one does not take a record for that
// before it has read it.
func TestRecalledBeforeKnown(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	a, there, sink := newTestCore(t, m, "a")
	page := enter(there, 7)
	sink.say(page.sender, "hello")
	a.publish(there)
	if _, asks := a.actions[0].(askAction); !asks || len(a.actions) != 1 {
		t.Fatalf("does %v", a.actions)
	}
	a.actions = nil
	record := appendRecall(nil, &batch{instance: instance{'b'}, nonce: 1, clients: []uint64{7}})
	seq, err := m.append(there.subject, AnyLast, record)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.answered(there, seq, m.info(m.last()), nil); err != nil || len(a.actions) > 0 {
		t.Fatalf("does %v, %v", a.actions, err)
	}
	run(t, a, m)
	if len(sink.texts) > 0 || !page.ended {
		t.Errorf("%q have arrived; ended: %v", sink.texts, page.ended)
	}
}

// A client that comes from a server that there is not waits no longer than it takes to find that
// out, and nothing is published. An error is no answer.
func TestRecallFromNowhere(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	b, _, _ := newTestCore(t, m, "b")
	before, isDone := m.last(), false
	b.recall("lobby", 7, ServerID("a"), func() { isDone = true })
	if len(b.actions) != 1 {
		t.Fatalf("does %v", b.actions)
	}
	b.actions = nil
	b.looked(nil, errNetwork)
	b.recall("lobby", 8, ServerID("a"), func() { t.Error("a client is let in before it was found out") })
	if isDone || len(b.actions) > 0 {
		t.Fatalf("done: %v, does %v", isDone, b.actions)
	}
	b.looked([]string{claimSubject(b.prefix, "c")}, nil)
	if !isDone || m.last() != before || b.recalling != 1 || len(b.actions) > 0 {
		t.Errorf("done: %v, %d published, %d wait, does %v", isDone, m.last()-before, b.recalling, b.actions)
	}
}

// A record is published again until it comes back, with those that came meanwhile in the next
// one, and does nothing the second time.
func TestRecallAgain(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	a, there, _ := newTestCore(t, m, "a")
	b, here, _ := newTestCore(t, m, "b")
	b.meet("a")
	done := make(map[uint64]bool)
	ask := func(client uint64) {
		b.recall("lobby", client, ServerID("a"), func() { done[client] = true })
	}
	ask(7)
	first := b.actions[0].(recallAction)
	b.actions = nil
	ask(8)
	b.recalled(first, errNetwork)
	if err := b.tick(noon.Add(time.Minute)); err != nil || len(b.actions) != 1 {
		t.Fatalf("does %v, %v", b.actions, err)
	}
	m.append(first.subject, AnyLast, first.data) // it arrives late
	run(t, b, m)
	if err := b.tick(noon.Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	run(t, b, m)
	if !done[7] || !done[8] || b.recalling != 0 {
		t.Errorf("done: %v, %d wait", done, b.recalling)
	}
	if err := b.tick(noon.Add(3 * time.Minute)); err != nil || len(b.recalls)+len(here.recalls) > 0 {
		t.Errorf("%d recalls are left, %v", len(here.recalls), err)
	}
	run(t, a, m)
	page := enter(there, 7) // is back
	m.append(first.subject, AnyLast, first.data)
	run(t, a, m)
	if page.ended {
		t.Error("the record recalls a client that came later")
	}
}

// A server says now and then that it has its name, so that it can be found.
func TestClaimIsRenewed(t *testing.T) {
	ctx := context.Background()
	m := newModel(func() time.Time { return noon })
	m.keep = time.Hour
	c, _, _ := newTestCore(t, m, "a")
	if err := claim(ctx, m, claimSubject(c.prefix, c.server), c.instance, nil); err != nil {
		t.Fatal(err)
	}
	run(t, c, m)
	for at, want := range map[time.Duration]int{time.Minute: 0, time.Hour / 4: 1} {
		c.actions, c.isClaiming, c.nextRefresh = nil, false, time.Time{}
		if err := c.tick(noon.Add(at)); err != nil {
			t.Fatal(err)
		}
		claims := 0
		for _, action := range c.actions {
			if a, is := action.(claimAction); is && a.last == c.claimSeq && a.last > 0 {
				claims++
			}
		}
		if claims != want {
			t.Errorf("after %v it claims its name %d times, want %d", at, claims, want)
		}
	}
}
