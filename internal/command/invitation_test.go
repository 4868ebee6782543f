package command

import (
	"net/netip"
	"testing"
)

// The first lines have the command with which others join: IPv4 first, no loopback,
// and no address that others can't reach.
func TestInvitation(t *testing.T) {
	own := []string{"127.0.0.1", "2001:db8::5", "192.168.1.5", "::1", "fe80::1", "169.254.7.7"}
	tests := []struct {
		bound, own []string
		maxClients int
		want       string
	}{
		{
			[]string{"::"},
			own, 4,
			"sop-chat: listening on port 9000, all addresses; at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join 192.168.1.5:9000" +
				" (or [2001:db8::5]:9000, localhost:9000 on this machine)\n",
		},
		{
			[]string{"0.0.0.0"},
			own, 0,
			"sop-chat: listening on port 9000, all IPv4 addresses; any number of clients\n" +
				"sop-chat: others join with the key: sop-chat join 192.168.1.5:9000 (or localhost:9000 on this machine)\n",
		},
		{
			[]string{"::"},
			[]string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"},
			1,
			"sop-chat: listening on port 9000, all addresses; at most 1 client\n" +
				"sop-chat: others join with the key: sop-chat join 10.0.0.1:9000" +
				" (or 10.0.0.2:9000, 10.0.0.3:9000, 10.0.0.4:9000, localhost:9000 on this machine)\n",
		},
		{
			[]string{"::"},
			[]string{"127.0.0.1", "::1", "169.254.7.7", "fe80::1"},
			4,
			"sop-chat: listening on port 9000, all addresses; at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join 169.254.7.7:9000 (or localhost:9000 on this machine)\n",
		},
		{
			[]string{"::"},
			[]string{"127.0.0.1", "::1"},
			4,
			"sop-chat: listening on port 9000, all addresses; at most 4 clients\n" +
				"sop-chat: only this machine can join, with the key: sop-chat join localhost:9000\n",
		},
		{ // the machine's addresses are not known
			[]string{"::"},
			nil, 4,
			"sop-chat: listening on port 9000, all addresses; at most 4 clients\n" +
				"sop-chat: others join with the key and an address of this machine: sop-chat join ADDRESS:9000 (or localhost:9000 here)\n",
		},
		{
			[]string{"192.0.2.1"},
			nil, 4,
			"sop-chat: listening on port 9000, 192.0.2.1; at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join 192.0.2.1:9000\n",
		},
		{
			[]string{"127.0.0.1", "::1"},
			own, 4,
			"sop-chat: listening on port 9000, 127.0.0.1 and ::1; at most 4 clients\n" +
				"sop-chat: only this machine can join, with the key: sop-chat join 127.0.0.1:9000\n",
		},
		{
			[]string{"192.0.2.1"},
			own, 4,
			"sop-chat: listening on port 9000, 192.0.2.1; at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join 192.0.2.1:9000\n",
		},
		{
			[]string{"fe80::1%eth0"},
			own, 4,
			"sop-chat: listening on port 9000, fe80::1%eth0; at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join [fe80::1%eth0]:9000\n",
		},
	}
	for _, test := range tests {
		i := invitation{port: 9000, bound: addrs(test.bound), own: addrs(test.own), maxClients: test.maxClients}
		if got := i.String(); got != test.want {
			t.Errorf("bound to %v:\n%swant:\n%s", test.bound, got, test.want)
		}
	}
}

func addrs(texts []string) []netip.Addr {
	addrs := make([]netip.Addr, len(texts))
	for i, text := range texts {
		addrs[i] = netip.MustParseAddr(text)
	}
	return addrs
}
