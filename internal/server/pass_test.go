//go:build linux

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A keyring has keys of the form label:secret, for the room that is named like the label
// up to a hyphen. It answers when it is told to, unless it is at once.
type keyring struct {
	atOnce atomic.Bool
	asked  chan question // those that have yet to be answered

	mu      sync.Mutex
	removed map[string]bool // labels
}

// A question is about a key.
type question struct {
	key    string
	source netip.Prefix
	answer func(server.Checked)
}

func newKeyring() *keyring {
	return &keyring{asked: make(chan question, 100), removed: make(map[string]bool)}
}

var _ server.Keyring = (*keyring)(nil)

// verdict returns what a key is: right if its secret is "right".
func verdict(key string) server.Checked {
	label, secret, _ := strings.Cut(key, ":")
	room, _, _ := strings.Cut(label, "-")
	if secret != "right" {
		return server.Checked{}
	}
	return server.Checked{Verdict: server.RightKey, Pass: server.Pass{Label: label, Room: room, ID: "of " + label}}
}

func (k *keyring) Check(key string, source netip.Prefix, done func(server.Checked)) (server.Checked, bool) {
	if k.atOnce.Load() || !strings.Contains(key, ":") {
		return verdict(key), true
	}
	k.asked <- question{key, source, done}
	return server.Checked{}, false
}

func (k *keyring) InForce(p server.Pass) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.removed[p.Label]
}

func (k *keyring) remove(label string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.removed[label] = true
}

// next returns the next question.
func (k *keyring) next(t *testing.T) question {
	t.Helper()
	select {
	case q := <-k.asked:
		return q
	case <-time.After(chattest.Patience):
		t.Fatal("no key is asked for")
	}
	panic("unreachable")
}

// answerNext answers the next question.
func (k *keyring) answerNext(t *testing.T) {
	t.Helper()
	q := k.next(t)
	q.answer(verdict(q.key))
}

func startWithKeyring(t *testing.T, config server.Config, rooms ...server.RoomConfig) (*chattest.Server, *keyring) {
	t.Helper()
	k := newKeyring()
	config.Keyring = k
	return chattest.Start(t, config, rooms...), k
}

// expectEcho checks that a client is let in.
func expectEcho(t *testing.T, c *chattest.Client, key string) {
	t.Helper()
	if got := c.Receive(); string(got.Text()) != key {
		t.Fatalf("the echo is %q", got.Text())
	}
}

// A key that opens no room lets in if the keyring says so, into the room that it says.
// Nothing else about joining changes.
func TestKeyring(t *testing.T) {
	s, k := startWithKeyring(t, server.Config{Loops: 2}, server.RoomConfig{Name: "maths", Key: "1"}, server.RoomConfig{Name: "music", Key: "music-x:right"})
	follower := s.Log().FollowSkipping()
	defer follower.Close()
	bob := s.JoinRoom(t, "bob", "1")
	alice := s.Guess(t, "Alice", "maths-alice:right")
	alice.Send("sent before the answer")
	q := k.next(t)
	if want := netip.MustParsePrefix("127.0.0.1/32"); q.key != "maths-alice:right" || q.source != want {
		t.Errorf("asked for %q of %v", q.key, q.source)
	}
	carol := s.JoinRoom(t, "carol", "1") // and nobody waits for the answer
	bob.Send("said meanwhile")
	carol.Expect("bob", "said meanwhile")
	q.answer(verdict(q.key))
	expectEcho(t, alice, "maths-alice:right")
	bob.Expect("Alice", "sent before the answer")
	carol.Expect("Alice", "sent before the answer")
	for _, wrong := range []string{"maths-alice:wrong", "nowhere-alice:right", "maths:"} {
		eve := s.Guess(t, "eve", wrong)
		k.answerNext(t)
		eve.ExpectEnd()
	}
	s.Guess(t, "eve", "no personal key").ExpectEnd()
	s.JoinRoom(t, "dave", "music-x:right") // is the room's key
	unchecked := s.Guess(t, "frank", "maths-frank:right")
	k.next(t).answer(server.Checked{Verdict: server.Unchecked})
	unchecked.ExpectEnd()

	var keys, labels []string
	for _, n := range notices(t, follower, 3) {
		keys, labels = append(keys, n.Key), append(labels, n.Label)
	}
	if got := fmt.Sprintf("%q %q", keys, labels); got != `["1" "1" ""] ["" "" "maths-alice"]` {
		t.Errorf("the keys and labels of those that were accepted are %s", got)
	}
}

// notices returns the first notices of accepted clients.
func notices(t *testing.T, f *broadcast.Follower, n int) (found []*broadcast.Notice) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), chattest.Patience)
	defer cancel()
	entries := make([]broadcast.Entry, 16)
	for len(found) < n {
		came, err := f.Next(ctx, entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries[:came] {
			if e.Notice != nil && e.Notice.Kind == broadcast.Accepted {
				found = append(found, e.Notice)
			}
		}
	}
	return found
}

// The answer about a connection that has ended meanwhile changes nothing: its slot is
// free, and another connection that has its descriptor gets its own answer.
func TestAnswerComesLate(t *testing.T) {
	s, k := startWithKeyring(t, server.Config{AuthTimeout: time.Second}, server.RoomConfig{Name: "a", Key: "1", MaxClients: 1})
	for range 2 {
		slow := s.Guess(t, "slow", "a-slow:right")
		late := k.next(t)
		slow.ExpectEnd() // after the timeout

		eve := s.Guess(t, "eve", "a-eve:wrong") // with the same descriptor
		own := k.next(t)
		late.answer(verdict(late.key))
		own.answer(verdict(own.key))
		eve.ExpectEnd()

		gone := s.Guess(t, "gone", "a-gone:right")
		late = k.next(t)
		if err := gone.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		gone.Close()
		late.answer(verdict(late.key))

		alice := s.Guess(t, "alice", "a-alice:right")
		own = k.next(t)
		own.answer(verdict(own.key))
		expectEcho(t, alice, "a-alice:right")
		alice.Close()
	}
	held := s.Guess(t, "held", "a-held:right")
	late := k.next(t)
	s.Stop(t)
	held.ExpectEnd()
	late.answer(verdict(late.key)) // nobody is there any more
	s.RevokePasses()
}

// Clients whose pass is taken away are disconnected, in whatever loop they are and before
// they are members, too; all others stay.
func TestRevokePasses(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			s, k := startWithKeyring(t, server.Config{Loops: loops}, server.RoomConfig{Name: "a", Key: "1"}, server.RoomConfig{Name: "b", Key: "2"})
			k.atOnce.Store(true)
			stays, other := s.JoinRoom(t, "stays", "1"), s.JoinRoom(t, "other", "a-other:right")
			var removed []*chattest.Client
			for i := range 5 {
				removed = append(removed, s.JoinRoom(t, fmt.Sprint("a", i), "a-removed:right"), s.JoinRoom(t, fmt.Sprint("b", i), "b-removed:right"))
			}
			k.remove("a-removed")
			k.remove("b-removed")
			s.RevokePasses()
			for _, c := range removed {
				c.ExpectEnd()
			}
			s.Guess(t, "again", "a-removed:right").ExpectEnd()
			stays.Send("hello")
			other.Expect("stays", "hello")
			other.Send("hello, too")
			stays.Expect("other", "hello, too")
			s.RevokePasses() // again, which takes nobody
			other.Send("still here")
			stays.Expect("other", "still here")
		})
	}
}

// Whenever passes are taken away while clients come with them, nobody stays that has
// one.
func TestRevokeWhileJoining(t *testing.T) {
	s, k := startWithKeyring(t, server.Config{Loops: 3}, server.RoomConfig{Name: "a", Key: "1"})
	go func() {
		for q := range k.asked {
			q.answer(verdict(q.key))
		}
	}()
	defer close(k.asked)
	const rounds, clients = 30, 8
	for round := range rounds {
		label := fmt.Sprint("a-", round)
		var joining sync.WaitGroup
		for range clients {
			joining.Go(func() {
				c := s.Guess(t, "somebody", label+":right")
				buf := make([]byte, 512)
				for { // until it is disconnected, with its echo or without
					if _, err := c.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("a client stays whose pass was taken away in round %d", round)
						return
					} else if err != nil {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(round) * 100 * time.Microsecond) // some are in by then, and some are not
		k.remove(label)
		s.RevokePasses()
		joining.Wait()
	}
}

// A browser whose pass is taken away is told so, with the status of a wrong key; it is let
// in as any other client is.
func TestRevokedWebSocket(t *testing.T) {
	s, k := startWithKeyring(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1"})
	conn, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: netip.MustParseAddrPort("192.0.2.7:80"), WebSocket: true})
	m, err := wire.New("alice", "a-alice:right")
	if err != nil {
		t.Fatal(err)
	}
	header := []byte{0x82, 0x80 | 126, wire.Size >> 8, wire.Size & 0xff, 0, 0, 0, 0} // binary, masked with zeros
	if _, err := conn.Write(append(header, m[:]...)); err != nil {
		t.Fatal(err)
	}
	q := k.next(t)
	if want := netip.MustParsePrefix("192.0.2.7/32"); q.source != want {
		t.Errorf("asked for a key of %v, want %v", q.source, want)
	}
	q.answer(verdict(q.key))
	echo := make([]byte, 4+wire.Size)
	if _, err := io.ReadFull(conn, echo); err != nil || string(echo[4:]) != string(m[:]) {
		t.Fatalf("the echo is %q, %v", echo, err)
	}
	k.remove("a-alice")
	s.RevokePasses()
	const reason = "its key was removed"
	end, err := io.ReadAll(conn)
	if want := string([]byte{0x88, 2 + byte(len(reason)), 4401 >> 8, 4401 & 0xff}) + reason; err != nil || string(end) != want {
		t.Errorf("it is ended with %q, %v, want %q", end, err, want)
	}
}

// Where names are verified, a client that came by a pass says all under its label.
func TestVerifiedLabel(t *testing.T) {
	s, k := startWithKeyring(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1", VerifyNames: true})
	bob := s.JoinRoom(t, "bob", "1")
	alice := s.Guess(t, "the teacher", "a-alice:right")
	k.answerNext(t)
	expectEcho(t, alice, "a-alice:right")
	alice.Send("no homework today")
	bob.Expect("a-alice", "no homework today")
	bob.Send("who says that?")
	alice.Expect("bob", "who says that?")
}
