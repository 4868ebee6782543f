package command

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/chattest"
	"sop-chat/internal/cluster"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
)

// A fakeCluster is servers that reach each other without NATS.
type fakeCluster struct {
	t *testing.T

	mu      sync.Mutex
	servers []*fakePeer
	bans    map[string]cluster.Ban
}

// A fakePeer is a server of it.
type fakePeer struct {
	*chattest.Server
	*operator
	cluster *fakeCluster
	log     *syncedText
	origins *origin.Table
	isAway  atomic.Bool                           // NATS is
	answers func(kind string, data []byte) []byte // nil: it answers as it should; if it returns nil, not at all
}

// A syncedText is a text that several goroutines write to.
type syncedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *syncedText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *syncedText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// join adds a server, which knows the bans that there are.
func (c *fakeCluster) join(name string) *fakePeer {
	table := origin.NewTable(origin.Config{Failures: 1, Ban: time.Hour})
	f := &fakePeer{Server: chattest.Start(c.t, server.Config{Origins: table}, server.RoomConfig{Key: "1"}), cluster: c, log: new(syncedText), origins: table}
	logger := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.operator = &operator{server: f.Server.Server, origins: table, level: new(slog.LevelVar), logger: logger}
	f.peers = newPeers(name, f.Server.Server, func() bool { return !f.isAway.Load() }, nil, logger)
	f.peers.peerNetwork = f
	f.peers.start(f.operator)
	c.t.Cleanup(f.peers.close)
	c.mu.Lock()
	c.servers = append(c.servers, f)
	c.mu.Unlock()
	c.tell(f)
	return f
}

// tell tells a server the bans that there are.
func (c *fakeCluster) tell(f *fakePeer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bans {
		f.peers.hearBan(b)
	}
	f.peers.works()
}

func (f *fakePeer) Run(context.Context)                      {}
func (f *fakePeer) SetMembers(_ map[string][]cluster.Member) {}

func (f *fakePeer) Clients(room string) (n int) {
	f.cluster.mu.Lock()
	defer f.cluster.mu.Unlock()
	for _, other := range f.cluster.servers {
		if other != f {
			n += int(other.RoomNamed(room).Clients())
		}
	}
	return n
}

func (f *fakePeer) Broadcast(_ context.Context, kind string, data []byte, from ...string) (answers []cluster.Answer, err error) {
	if f.isAway.Load() {
		return nil, cluster.ErrAway
	}
	var missing []string
	f.cluster.mu.Lock()
	others := slices.Clone(f.cluster.servers)
	f.cluster.mu.Unlock()
	for _, other := range others {
		if isAsked := len(from) == 0 && other != f || slices.Contains(from, other.peers.name); !isAsked {
			continue
		}
		answer := other.answers
		if other.isAway.Load() || other == f { // a server never answers itself
			answer = func(string, []byte) []byte { return nil }
		}
		if answer == nil {
			answer = func(string, []byte) []byte {
				return other.peers.do(cluster.Command{From: f.peers.name, Kind: kind, Data: data})
			}
		}
		if data := answer(kind, data); data != nil {
			answers = append(answers, cluster.Answer{Server: other.peers.name, Data: data})
		} else {
			missing = append(missing, other.peers.name)
		}
	}
	if missing != nil {
		err = &cluster.UnansweredError{Servers: missing, Err: context.DeadlineExceeded}
	}
	return answers, err
}

func (f *fakePeer) SetBan(_ context.Context, b cluster.Ban) error {
	if f.isAway.Load() {
		return cluster.ErrAway
	}
	f.cluster.mu.Lock()
	defer f.cluster.mu.Unlock()
	f.cluster.bans[b.Key] = b
	for _, other := range f.cluster.servers {
		if !other.isAway.Load() {
			other.peers.hearBan(b)
		}
	}
	return nil
}

func (f *fakePeer) RemoveBan(ctx context.Context, key string) error {
	return f.SetBan(ctx, cluster.Ban{Key: key, Removed: true})
}

func (f *fakePeer) TidyBans(context.Context) error { return nil }

// ask has the server's operator do something, and returns what is shown of it.
func (f *fakePeer) ask(r admin.Request) string {
	result, err := f.do(f.cluster.t.Context(), admin.Actor{UID: 1000, User: "anna", PID: 4711}, r)
	if err != nil {
		return err.Error()
	}
	return string(result.AppendText(nil))
}

// expect has an operator do something, of which something has to be shown.
func (f *fakePeer) expect(r admin.Request, want ...string) {
	f.cluster.t.Helper()
	got := f.ask(r)
	for _, w := range want {
		if !strings.Contains(got, w) {
			f.cluster.t.Errorf("%+v at %s: %s; want %s", r, f.peers.name, got, w)
		}
	}
}

func startFakeCluster(t *testing.T) (c *fakeCluster, one, two *fakePeer) {
	c = &fakeCluster{t: t, bans: make(map[string]cluster.Ban)}
	return c, c.join("one"), c.join("two")
}

// An operator at one server sees and disconnects the clients of all; what happens at another
// server is logged there, with where it comes from. What other servers do not answer is said.
func TestOperatorOfCluster(t *testing.T) {
	_, one, two := startFakeCluster(t)
	one.JoinRoom(t, "alice", "1")
	eve, bob := two.JoinRoom(t, "eve", "1"), two.JoinRoom(t, "bob", "1")
	one.expect(admin.Request{Command: "who"}, "SERVER", "one      1  alice", "two      1  eve", "two      2  bob")
	one.expect(admin.Request{Command: "who", Room: "main"}, "one      1  alice", "two      2  bob")
	one.expect(admin.Request{Command: "rooms"}, "main        1               3")
	one.expect(admin.Request{Command: "kick", Target: "2"}, `this server has no client 2; other servers have: two/2 is "bob"`)
	one.expect(admin.Request{Command: "kick", Target: "eve", Reason: strings.Repeat("x", 91)}, "the reason is 91 bytes long")
	one.expect(admin.Request{Command: "kick", Target: "eve", Reason: "spam"}, "disconnected 1, eve, from 127.0.0.1:", " in main at two\n")
	eve.ExpectEnd()
	for _, f := range []struct {
		*fakePeer
		by string
	}{{one, `by="anna (uid 1000), pid 4711" client=eve`}, {two, `by="anna (uid 1000), pid 4711, at one" client=two/1`}} {
		if log := f.log.String(); !strings.Contains(log, "level=INFO msg=\"an operator acts\" command=kick "+f.by+" reason=spam") {
			t.Errorf("the log of %s is\n%s", f.peers.name, log)
		}
	}
	gina := one.JoinRoom(t, "gina", "1")
	if got := one.ask(admin.Request{Command: "kick", Target: "gina"}); !strings.HasPrefix(got, "disconnected 2, gina, from") || !strings.HasSuffix(got, " in main at one\n") {
		t.Errorf("it is said: %s", got)
	}
	gina.ExpectEnd()
	one.expect(admin.Request{Command: "rekey", Room: "main", Key: "another one"}, "main has the new key", "at this server only")

	two.answers = func(string, []byte) []byte { return nil }
	one.expect(admin.Request{Command: "who"}, "one      1  alice", "two: no answer in time")
	one.expect(admin.Request{Command: "kick", Target: "zoe"}, `there is no client "zoe"`, "(two: no answer in time)")
	for answer, want := range map[string]string{
		`{"error":"this server knows no command"}`: "two: this server knows no command\n",
		`{"result":{"clients":1}}`:                 "two: its answer can't be understood, perhaps because",
		`{}`:                                       "two: its answer can't be understood, perhaps because",
		"\xff":                                     "two: its answer can't be understood, perhaps because",
		`{"result":"` + strings.Repeat("x", mostOfPeer) + `"}`:         "two: its answer is too long",
		`{"result":{"clients":[{"server":"one","name":"\u001b[2J"}]}}`: `two      0  \x1b[2J`,
	} {
		two.answers = func(string, []byte) []byte { return []byte(answer) }
		one.expect(admin.Request{Command: "who"}, "one      1  alice", want)
	}
	two.answers = nil

	one.isAway.Store(true)
	one.expect(admin.Request{Command: "who"}, "one      1  alice", "NATS can't be reached, so the other servers were not asked")
	if got := string(two.peers.do(cluster.Command{From: "one", Kind: "dance", Data: []byte(`{"by":"x","request":{}}`)})); !strings.Contains(got, `knows no command \"dance\"`) {
		t.Errorf("an unknown command is answered by %s", got)
	}
	two.answers = nil
	bob.Send("hello")
}

// A ban holds at all servers, those that join later too, until it is removed at any of them,
// also if NATS is away when it is made; bans for wrong keys are shown with their server, and
// removed at all.
func TestBansOfCluster(t *testing.T) {
	c, one, two := startFakeCluster(t)
	eve := two.JoinRoom(t, "eve", "1")
	const network = "127.0.0.0/8"
	one.expect(admin.Request{Command: "ban", Network: network, For: "1h", Reason: "spam"}, "banned 127.0.0.0/8 at all servers until 20", "disconnected 1, eve, from 127.0.0.1:", "at two\n")
	eve.ExpectEnd()
	one.expect(admin.Request{Command: "bans"}, network)
	two.expect(admin.Request{Command: "bans"}, network, "anna (uid 1000), pid 4711, at one  spam")
	three := c.join("three")
	three.expect(admin.Request{Command: "bans"}, network, "anna (uid 1000), pid 4711, at one  spam")
	if log := three.log.String(); !strings.Contains(log, `msg="bans of the cluster hold here" new=1 removed=0`) {
		t.Errorf("the log of three is\n%s", log)
	}
	if got := three.ask(admin.Request{Command: "unban", Network: network}); got != "127.0.0.0/8 is not banned any more\n" {
		t.Errorf("it is said: %s", got)
	}
	for _, f := range []*fakePeer{one, two, three} {
		f.expect(admin.Request{Command: "bans"}, "nobody is banned\n")
	}
	one.expect(admin.Request{Command: "unban", Network: network}, "127.0.0.0/8 is not banned; 'bans'")

	two.Guess(t, "eve", "wrong").ExpectEnd()
	for _, f := range []*fakePeer{one, two} {
		f.expect(admin.Request{Command: "bans"}, "127.0.0.1  20", "the server two  1 wrong key")
	}
	one.expect(admin.Request{Command: "unban", Network: "127.0.0.1"}, "127.0.0.1 is not banned any more at two\n")
	eve = two.JoinRoom(t, "eve", "1")

	one.isAway.Store(true)
	one.expect(admin.Request{Command: "ban", Network: network}, "banned 127.0.0.0/8 until", "the other servers were not asked", "the other servers are told when NATS")
	one.expect(admin.Request{Command: "bans"}, network, "1 ban that was made or removed here")
	two.expect(admin.Request{Command: "bans"}, "nobody is banned")
	one.peers.fails(errors.New("it is away"))
	c.tell(one) // that the ban was removed, before
	one.expect(admin.Request{Command: "bans"}, network, "1 ban that was made or removed here")
	one.isAway.Store(false)
	if err := one.peers.tell(t.Context()); err != nil || len(one.peers.leftToTell()) > 0 {
		t.Error(err)
	}
	two.expect(admin.Request{Command: "bans"}, network)
	eve.ExpectEnd()

	two.peers.fails(errors.New("it is away"))
	two.isAway.Store(true)
	one.expect(admin.Request{Command: "unban", Network: network}, "127.0.0.0/8 is not banned any more\ntwo: no answer in time\n")
	two.expect(admin.Request{Command: "bans"}, network)
	two.isAway.Store(false)
	c.tell(two)
	two.expect(admin.Request{Command: "bans"}, "nobody is banned")
	if log := two.log.String(); !strings.Contains(log, `msg="a ban of the cluster holds here" network=127.0.0.0/8 by="anna (uid 1000), pid 4711, at one"`) {
		t.Errorf("the log of two is\n%s", log)
	}
}

// While NATS has yet to acknowledge a ban, what it says that is older does not count, and what
// comes after it does.
func TestLastBanHolds(t *testing.T) {
	ours := cluster.Ban{Key: "192.0.2.0/24", Data: []byte(`{"by":"anna","server":"one"}`)}
	other := cluster.Ban{Key: ours.Key, Data: []byte(`{"by":"bert","server":"two"}`)}
	gone := cluster.Ban{Key: ours.Key, Removed: true}
	for _, test := range []struct {
		told  cluster.Ban
		heard []cluster.Ban
		holds string // whose ban it is; "": nobody's
	}{
		{ours, nil, "anna"},
		{ours, []cluster.Ban{gone}, "anna"},
		{ours, []cluster.Ban{other, ours}, "anna"},
		{ours, []cluster.Ban{ours, gone}, ""},
		{ours, []cluster.Ban{other, ours, gone, other}, "bert, at two"},
		{gone, []cluster.Ban{other}, ""},
		{gone, []cluster.Ban{gone, other}, "bert, at two"},
		{cluster.Ban{Key: ours.Key, Data: ours.Data, Until: time.Now()}, nil, ""},
	} {
		table := origin.NewTable(origin.Config{})
		p := newPeers("one", nil, nil, nil, slog.New(slog.DiscardHandler))
		p.operator = &operator{origins: table, level: new(slog.LevelVar), logger: p.logger}
		p.works()
		p.leaveToTell(test.told)
		for _, b := range test.heard {
			p.hearBan(b)
		}
		if bans := table.Bans(time.Now()); len(bans) > 0 {
			t.Errorf("%v hold before NATS has it", bans)
		}
		p.told(test.told)
		holds := ""
		for _, l := range table.Bans(time.Now()) {
			holds = l.By
		}
		if holds != test.holds || len(p.leftToTell()) > 0 {
			t.Errorf("%v was told, %v heard: %q holds, want %q", test.told, test.heard, holds, test.holds)
		}
	}
}

// What NATS keeps is a ban as it was made, or none.
func TestKeptBans(t *testing.T) {
	p := newPeers("one", nil, nil, nil, slog.New(slog.DiscardHandler))
	until := time.UnixMilli(1_800_000_000_123)
	network, err := origin.ParseNetwork("2001:db8::1")
	if err != nil {
		t.Fatal(err)
	}
	l := origin.Listed{Network: network, Until: until, Reason: "spam", By: "anna"}
	if got, err := p.listedOf(p.keptOf(l)); err != nil || got != l {
		t.Errorf("%v comes back as %v: %v", l, got, err)
	}
	p.name = "two"
	kept := p.keptOf(l)
	p.name = "one"
	if got, err := p.listedOf(kept); err != nil || got.By != "anna, at two" {
		t.Errorf("%v comes back as %v: %v", l, got, err)
	}
	p.keep(l)
	p.lift(netip.MustParsePrefix("10.0.0.0/8"))
	text, err := json.Marshal(left{Bans: p.leftToTell()}) // as another program gets it
	var passed left
	if err = errors.Join(err, json.Unmarshal(text, &passed)); err != nil {
		t.Fatal(err)
	}
	next := newPeers("one", nil, nil, passed.Bans, slog.New(slog.DiscardHandler))
	if got, want := next.leftToTell(), p.leftToTell(); len(want) != 2 || !slices.EqualFunc(got, want, isSame) {
		t.Errorf("%v is passed on as %v", want, got)
	}
	for _, b := range []cluster.Ban{
		{Key: "eve", Removed: true},
		{Key: "192.0.2.1/24", Data: []byte("{}")},
		{Key: "192.0.2.0/24", Data: []byte("x")},
		{Key: "192.0.2.0/24", Data: []byte(`{"reason":"` + strings.Repeat("x", 91) + `"}`)},
		{Key: "192.0.2.0/24", Data: []byte(`{"by":"` + strings.Repeat("x", 300) + `"}`)},
	} {
		if l, err := p.listedOf(b); err == nil {
			t.Errorf("%v is the ban %v", b, l)
		}
	}
}

// Whatever another server sends, it is a request or a result that can be shown, or an error.
func FuzzPeers(f *testing.F) {
	f.Add([]byte(`{"by":"anna","request":{"target":"eve","reason":"spam"},"match":"name"}`))
	f.Add([]byte(`{"by":"anna","request":{"network":"10.0.0.0/8"},"until":"2026-11-27T17:02:11Z"}`))
	f.Add([]byte(`{"result":{"clients":[{"id":1,"name":"\u001b","name_base64":"/w=="}],"notes":["\u202e"]}}`))
	f.Add([]byte(`{"result":{"bans":[{"network":"x","until":null,"wrong_keys":-1}]}}`))
	f.Add([]byte(`{"result":{"found":[{"match":"name","count":9}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeRequest(data); err == nil {
			_, _ = r.listed(r.By)
			m := memberOf(1, "eve", "192.0.2.1:1")
			(&target{text: r.Request.Target, server: "one", isRemote: true}).has(&m, r.Match)
		}
		if r, err := decodeAnswer[admin.Clients](data); err == nil {
			all, notes := merge(nil, nil, "two", r.Clients, r.Notes)
			shows(t, &admin.Clients{Clients: all, Notes: notes})
		}
		if r, err := decodeAnswer[admin.Bans](data); err == nil {
			all, notes := mergeBans(nil, nil, "two", r.Bans, r.Notes)
			shows(t, &admin.Bans{Bans: all, Notes: notes})
		}
		if r, err := decodeAnswer[foundClients](data); err == nil {
			_, _ = choose([]peerResult[foundClients]{{"two", r}}, "eve", false)
		}
	})
}

// shows fails if what is shown of a result could act on a terminal.
func shows(t *testing.T, r admin.Result) {
	t.Helper()
	if text := string(r.AppendText(nil)); strings.ContainsAny(text, "\x1b\u202e\u0085") {
		t.Errorf("%q is shown", text)
	}
}

// An answer has as many clients as fit, and says how many there are.
func TestLongAnswers(t *testing.T) {
	long := &admin.Clients{Clients: make([]admin.Client, 20_000)}
	for i := range long.Clients {
		long.Clients[i] = admin.Client{ID: uint64(i), Name: "somebody", Room: "main", Address: "192.0.2.1:50000", Connection: "tcp"}
	}
	data := encodeAnswer(long, nil)
	got, err := decodeAnswer[admin.Clients](data)
	if err != nil || len(data) < mostOfPeer*9/10 || len(got.Clients) < 5000 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "it has 20000 clients, of which only the first ") {
		t.Errorf("of %d bytes, %d clients and %q: %v", len(data), len(got.Clients), got.Notes, err)
	}
	if _, err := decodeAnswer[admin.Clients](encodeAnswer(nil, errors.New("no"))); err == nil || err.Error() != "no" {
		t.Errorf("an error comes back as %v", err)
	}
}
