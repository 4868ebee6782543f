package command

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/server"
)

// member returns a member with a number, a name and an address.
func memberOf(id uint64, name, at string) server.Member {
	return server.Member{Sender: broadcast.Sender{ID: id, Name: name, Addr: netip.MustParseAddrPort(at)}, Room: "a"}
}

// chosen returns the full IDs of those that an operator at a server means, or the error.
func chosen(servers map[string][]server.Member, at, text string, all bool) string {
	targets := make(map[string]*target)
	var found []peerResult[foundClients]
	for name, members := range servers {
		targets[name] = &target{text: text, server: name, isRemote: name != at}
		found = append(found, peerResult[foundClients]{name, *targets[name].find(members)})
	}
	c, err := choose(found, text, all)
	if err != nil {
		return err.Error()
	}
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t := target{text: c.target, server: name, isRemote: name != at}
		for _, m := range servers[name] {
			if t.has(&m, c.match) != (t.has(&m, c.match) && slices.Contains(c.servers, name)) {
				ids = append(ids, "not asked:"+name)
			}
			if t.has(&m, c.match) {
				ids = append(ids, fullID(name, m.ID))
			}
		}
	}
	return strings.Join(ids, " ")
}

// An operator means one client by its ID, its name as it is or as it is shown, or its
// address; and several only if all of them are meant for certain.
func TestChoose(t *testing.T) {
	alone := map[string][]server.Member{"": {
		memberOf(1, "alice", "192.0.2.1:1000"),
		memberOf(2, "eve", "192.0.2.66:1000"),
		memberOf(3, "eve", "192.0.2.66:2000"),
		memberOf(4, "1", "192.0.2.4:1000"),
		memberOf(5, "\x1b[2J", "[2001:db8::1]:1000"),
		memberOf(6, "", "[::ffff:192.0.2.6]:1000"),
		memberOf(7, "192.0.2.1", "192.0.2.7:1000"),
		memberOf(8, "77", "192.0.2.8:1000"),
	}}
	for _, test := range []struct {
		target string
		all    bool
		want   string // IDs, or the beginning of an error
	}{
		{"alice", false, "1"},
		{"1", false, "1"},
		{"77", false, "8"},
		{"3", false, "3"},
		{"eve", false, `2 clients have the name "eve": 2 (192.0.2.66:1000 in a), 3 (192.0.2.66:2000 in a); give one's ID, or --all`},
		{"eve", true, "2 3"},
		{"192.0.2.66", false, "2 3"},
		{"192.0.2.66:2000", false, "3"},
		{"192.0.2.6", false, "6"},
		{"2001:db8::1", false, "5"},
		{`\x1b[2J`, false, "5"},
		{"\x1b[2J", false, "5"},
		{`""`, false, "6"},
		{"192.0.2.1", false, "1"},
		{"Alice", false, `there is no client "Alice"; 'who' shows those that there are`},
		{"9", false, `there is no client "9"`},
		{"/1", false, `there is no client "/1"`},
		{"192.0.2.99", false, `there is no client "192.0.2.99"`},
	} {
		if got := chosen(alone, "", test.target, test.all); got != test.want && !strings.HasPrefix(got, test.want+";") {
			t.Errorf("%q, all %v: %s; want %s", test.target, test.all, got, test.want)
		}
	}
}

// In a cluster a number is an ID at the operator's own server, and with the name of a server
// before it at that one; names and addresses are those at all servers.
func TestChooseInCluster(t *testing.T) {
	servers := map[string][]server.Member{
		"one":     {memberOf(1, "alice", "192.0.2.1:1000"), memberOf(2, "eve", "192.0.2.66:1000"), memberOf(9, "9", "192.0.2.9:1000")},
		"two":     {memberOf(1, "bob", "192.0.2.2:1000"), memberOf(2, "eve", "192.0.2.66:2000"), memberOf(3, "one/2", "192.0.2.3:1000"), memberOf(4, "8", "192.0.2.4:1000")},
		"a/b\x1b": {memberOf(1, "192.0.2.3", "192.0.2.5:1000"), memberOf(8, "zoe", "192.0.2.8:1000"), memberOf(7, "yan", "192.0.2.66:1000")},
	}
	for _, test := range []struct {
		at, target string
		all        bool
		want       string
	}{
		{"one", "bob", false, "two/1"},
		{"two", "bob", true, "two/1"},
		{"one", "1", false, "one/1"},
		{"two", "1", false, "two/1"},
		{"one", "two/1", false, "two/1"},
		{"two", "two/1", false, "two/1"},
		{"two", "one/2", false, "one/2"}, // and not two's client of that name
		{"one", "a/b\x1b/1", false, "a/b\x1b/1"},
		{"one", `a/b\x1b/1`, false, "a/b\x1b/1"},
		{"one", "8", false, "two/4"},
		{"one", "9", false, "one/9"},
		{"one", "7", false, "this server has no client 7; other servers have: a/b\x1b/7 is \"yan\""},
		{"one", "eve", false, `2 clients have the name "eve": one/2 (192.0.2.66:1000 in a), two/2 (192.0.2.66:2000 in a); give one's ID, or --all`},
		{"one", "eve", true, "one/2 two/2"},
		{"one", "192.0.2.66", false, "a/b\x1b/7 one/2 two/2"},
		{"one", "192.0.2.66:1000", false, "a/b\x1b/7 one/2"},
		{"one", "192.0.2.3", false, "two/3"}, // and not the client of that name
		{"one", "three/1", false, `there is no client "three/1"; 'who' shows those that there are`},
		{"one", "two/5", false, `there is no client "two/5"; 'who' shows those that there are`},
	} {
		if got := chosen(servers, test.at, test.target, test.all); got != test.want {
			t.Errorf("%q at %s, all %v: %s; want %s", test.target, test.at, test.all, got, test.want)
		}
	}
}
