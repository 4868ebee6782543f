package e2e

import (
	"fmt"
	"testing"

	"sop-chat/internal/wire"
)

// A client that joins is sent the last messages, unchanged, right after the echo,
// including those of an earlier connection with the same name.
func TestReplay(t *testing.T) {
	t.Parallel()
	srv := start(t, "--replay", "3")
	first := join(t, srv, "alice")
	first.expectNothing() // a marker, which nobody receives
	second := join(t, srv, "bob")
	second.expect(message("alice", "marker"))
	var said []wire.Message
	for i := range 4 {
		m := message("alice", fmt.Sprint(i))
		copy(m[500:], "behind the terminator")
		first.send(m)
		second.expect(m)
		said = append(said, m)
	}
	again := join(t, srv, "alice")
	again.expect(said[1:]...)
	first.expectNothing(second, again)
	second.expectNothing(first, again)
}

// Without --replay no earlier messages are sent.
func TestNoReplay(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	b.expect(a.say("before"))
	c := join(t, srv, "c")
	a.expectNothing(b, c)
}

// Two hundred clients join during a stream. Each is sent the last messages from
// before it joined and then all later ones, with nothing lost or doubled between
// them.
func TestReplaySeam(t *testing.T) {
	t.Parallel()
	for _, loops := range []string{"1", "3"} {
		t.Run(loops+" loops", func(t *testing.T) {
			const joins, atOnce = 200, 10
			srv := start(t, "--replay", fmt.Sprint(replayed), "--loops", loops, "--max-clients", "0")
			tr := startTraffic(t, srv)
			tr.waitForMore(2 * replayed)
			var tasks []task
			for range atOnce {
				tasks = append(tasks, beside(t, func() error {
					for range joins / atOnce {
						if err := tr.joinsInto(srv); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			wait(tasks...)
			tr.finish()
		})
	}
}

// replayed is the --replay of TestReplaySeam: more than floodUntil sends in a
// write, so that replayed messages can be told from new ones.
const replayed = 2 * batch

// joinsInto makes a client join, checks where its stream begins, and reads far
// more than was replayed.
func (tr *traffic) joinsInto(srv *server) error {
	before := int(tr.received.count.Load()) // at least so many were said
	c, err := tryJoin(srv, "joins")
	if err != nil {
		return err
	}
	defer c.Close()
	after := int(tr.sent.Load()) + batch // at most so many
	r := c.reader()
	r.next["from"] = unknown
	_, first, err := r.read()
	if err != nil {
		return err
	}
	if first < before-replayed || first > after-replayed {
		return fmt.Errorf("it begins with message %d; there were %d to %d when it came, and %d are replayed", first, before, after, replayed)
	}
	for int(r.count.Load()) < 2*replayed {
		if _, _, err := r.read(); err != nil {
			return err
		}
	}
	return nil
}
