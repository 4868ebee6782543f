package cluster

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A testPeer is a server of a test.
type testPeer struct {
	*Peers
	mu      sync.Mutex
	bans    map[string]Ban
	isKnown bool // what others have
	told    int  // how many bans there were when all were known
	stop    func()
}

func startPeer(t *testing.T, url, name string) *testPeer {
	p := &testPeer{bans: make(map[string]Ban)}
	n := openTestNATS(t, testConfig(url))
	p.Peers = n.Peers(PeersConfig{
		Server: name,
		Do: func(c Command) []byte {
			return fmt.Appendf(nil, "%s did %s %s for %s", name, c.Kind, c.Data, c.From)
		},
		Ban: func(b Ban) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if b.Removed {
				delete(p.bans, b.Key)
			} else {
				p.bans[b.Key] = b
			}
		},
		Known: func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.told, p.isKnown = len(p.bans), true
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	p.stop = func() { cancel(); running.Wait() }
	t.Cleanup(p.stop)
	return p
}

func (p *testPeer) banned() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.bans))
}

// Servers know who is at the others, one that comes later too, and until they leave.
func TestPeersMembers(t *testing.T) {
	url := startNATS(t, natsOptions(t)).ClientURL()
	one, two := startPeer(t, url, "one"), startPeer(t, url, "two:9000")
	at := time.UnixMilli(1_700_000_000_123)
	ann, bob := Member{ID: 7, Name: "Ann\xff", Since: at}, Member{ID: 8, Name: "Bob", Since: at, NamedSince: at, Client: 1 << 63}
	one.SetMembers(map[string][]Member{"": {ann, bob}, "ro om": {{ID: 9, Name: "Cy", Since: at}}})
	eventually(t, "two knows whom one has", func() bool { return two.Clients("") == 2 })
	got := two.Members("")
	if len(got) != 1 || got[0].Server != "one" || !slices.EqualFunc(got[0].Members, []Member{ann, bob}, Member.isSame) {
		t.Errorf("two knows %v", got)
	}
	if two.Clients("ro om") != 1 || two.Clients("other") != 0 || one.Clients("") != 0 {
		t.Errorf("two knows of %d and %d, and one of %d of its own", two.Clients("ro om"), two.Clients("other"), one.Clients(""))
	}
	three := startPeer(t, url, "three")
	eventually(t, "three knows both", func() bool {
		return slices.Equal(three.Servers(), []string{"one", "two:9000"}) && three.Clients("") == 2
	})
	if got := two.Changes(); !slices.Equal(got, []string{"", "ro om"}) || len(two.Changes()) > 0 {
		t.Errorf("the members of %q have changed", got)
	}
	one.SetMembers(map[string][]Member{"": {bob}})
	eventually(t, "both know the change", func() bool { return two.Clients("") == 1 && three.Clients("") == 1 && two.Clients("ro om") == 0 })
	again := startPeer(t, url, "one") // an upgrade
	eventually(t, "it knows what others have", func() bool {
		again.mu.Lock()
		defer again.mu.Unlock()
		return again.isKnown
	})
	if two.Clients("") != 1 {
		t.Error("what one has is forgotten before it is told anew")
	}
	again.SetMembers(map[string][]Member{"": {ann, bob}})
	eventually(t, "it is told anew", func() bool { return two.Clients("") == 2 && three.Clients("") == 2 })
	one.stop()
	again.stop()
	eventually(t, "one has left", func() bool { return two.Clients("") == 0 && slices.Equal(two.Servers(), []string{"three"}) })
	for _, p := range []*testPeer{two, three} {
		p.view.mu.Lock()
		if p.view.own.Equal(p.view.since) {
			t.Errorf("%s does not hear itself", p.config.Server)
		}
		p.view.mu.Unlock()
	}
}

// A command is done by all others and answered, and a server that does not answer is named.
func TestPeersBroadcast(t *testing.T) {
	url := startNATS(t, natsOptions(t)).ClientURL()
	one, two, three := startPeer(t, url, "one"), startPeer(t, url, "two"), startPeer(t, url, "three")
	eventually(t, "one knows both", func() bool { return len(one.Servers()) == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	answers, err := one.Broadcast(ctx, "kick", []byte("Ann"))
	slices.SortFunc(answers, func(a, b Answer) int { return strings.Compare(a.Server, b.Server) })
	if err != nil || len(answers) != 2 || string(answers[0].Data) != "three did kick Ann for one" || answers[1].Server != "two" {
		t.Errorf("the answers are %q, %v", answers, err)
	}
	three.n.Close()
	short, end := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer end()
	answers, err = one.Broadcast(short, "kick", []byte("Ann"))
	if err == nil || !strings.Contains(err.Error(), "three") || strings.Contains(err.Error(), "two") || len(answers) != 1 || answers[0].Server != "two" {
		t.Errorf("the answers without three are %q, %v", answers, err)
	}
	if answers, err := one.Broadcast(ctx, "kick", nil, "two"); err != nil || len(answers) != 1 || answers[0].Server != "two" {
		t.Errorf("the answers of two are %q, %v", answers, err)
	}
	if _, err := two.Broadcast(ctx, "two words", nil); err == nil {
		t.Error("a kind may be two words")
	}
}

// Bans hold at all servers, those that come later too, until they are removed or end.
func TestPeersBans(t *testing.T) {
	url := startNATS(t, natsOptions(t)).ClientURL()
	one, two := startPeer(t, url, "one"), startPeer(t, url, "two")
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	until := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	eventually(t, "bans are there", func() bool { return one.SetBan(ctx, Ban{Key: "192.0.2.1", Data: []byte("why"), Until: until}) == nil })
	for _, ban := range []Ban{{Key: "2001:db8::/48"}, {Key: "gone"}, {Key: "old", Until: time.Now().Add(-time.Minute)}} {
		if err := one.SetBan(ctx, ban); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two removes one", func() bool { return two.RemoveBan(ctx, "gone") == nil })
	want := []string{"192.0.2.1", "2001:db8::/48"}
	three := startPeer(t, url, "three")
	for _, p := range []*testPeer{one, two, three} {
		eventually(t, p.config.Server+" knows the bans", func() bool { return slices.Equal(p.banned(), want) })
	}
	four := startPeer(t, url, "four")
	eventually(t, "four knows all bans", func() bool {
		four.mu.Lock()
		defer four.mu.Unlock()
		return four.told == len(want)
	})
	three.mu.Lock()
	defer three.mu.Unlock()
	if b := three.bans["192.0.2.1"]; !bytes.Equal(b.Data, []byte("why")) || !b.Until.Equal(until) || !three.bans["2001:db8::/48"].Until.IsZero() {
		t.Errorf("the bans are %v", three.bans)
	}
}

// When NATS was away and has forgotten who is in, the servers tell it again; it has the bans.
func TestPeersAway(t *testing.T) {
	options := natsOptions(t)
	s := startNATS(t, options)
	one, two := startPeer(t, s.ClientURL(), "one"), startPeer(t, s.ClientURL(), "two")
	rooms := map[string][]Member{"": {{ID: 1}}}
	one.SetMembers(rooms)
	eventually(t, "two knows whom one has", func() bool { return two.Clients("") == 1 })
	if err := one.SetBan(t.Context(), Ban{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	stopNATS(s)
	startNATS(t, options)
	rooms = map[string][]Member{"": {{ID: 1}, {ID: 2}}}
	for _, p := range []*testPeer{one, two} {
		eventually(t, "the connection is back", func() bool { return p.n.State().Connected })
		p.SetMembers(rooms)
	}
	eventually(t, "both know of the others", func() bool { return one.Clients("") == 2 && two.Clients("") == 2 })
	three := startPeer(t, s.ClientURL(), "three")
	eventually(t, "the ban is kept", func() bool { return slices.Equal(three.banned(), []string{"a"}) })
}

// The permissions in docs/nats.md are enough for all that servers do.
func TestNATSPermissions(t *testing.T) {
	allow := func(subjects ...string) *server.SubjectPermission { return &server.SubjectPermission{Allow: subjects} }
	options := natsOptions(t)
	options.Users = []*server.User{{Username: "a", Password: "b", Permissions: &server.Permissions{
		Publish:   allow("$JS.API.>", "$JS.FC.>", "chat.*.*", "$KV.chat-members.>", "$KV.chat-bans.>", "chat-commands", "chat-alive", "_INBOX.>"),
		Subscribe: allow("_INBOX.>", "chat-commands", "chat-alive"),
	}}}
	url := strings.Replace(startNATS(t, options).ClientURL(), "://", "://a:b@", 1)
	one, two := startPeer(t, url, "one"), startPeer(t, url, "two")
	one.SetMembers(map[string][]Member{"": {{ID: 1}}})
	eventually(t, "two knows one", func() bool { return two.Clients("") == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	if answers, err := two.Broadcast(ctx, "kick", nil); err != nil || len(answers) != 1 {
		t.Errorf("the answers are %v, %v", answers, err)
	}
	if err := two.SetBan(ctx, Ban{Key: "a"}); err != nil {
		t.Error(err)
	}
	eventually(t, "one knows the ban", func() bool { return len(one.banned()) == 1 })
	fill(t, one.n, 1, 1)
	expect(t, read(t, two.n, 1), 1, 1)
	for _, p := range []*testPeer{one, two} {
		if e := p.n.State(); e.Err != nil {
			t.Errorf("%s was refused: %v", p.config.Server, e.Err)
		}
		p.n.mu.Lock()
		if p.n.refused.err != nil {
			t.Errorf("%s was refused: %v", p.config.Server, p.n.refused.err)
		}
		p.n.mu.Unlock()
	}
}
