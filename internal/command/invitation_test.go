package command

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"sop-chat/internal/rooms"
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

// With rooms, the first lines say how many there are and what the first are called, and
// have a link to each of those. Names can't act on the terminal, and keys that are hidden
// are in no link.
func TestInvitationToRooms(t *testing.T) {
	some := []rooms.Room{{Name: "maths", Key: "a key", MaxClients: 4}, {Name: "\u202e\"[x]", Key: "b", MaxClients: 4}}
	uneven := []rooms.Room{{Name: "maths", Key: "a key", MaxClients: 4}, {Name: "music", Key: "b"}}
	var many []rooms.Room
	for i := range 1234 {
		many = append(many, rooms.Room{Name: fmt.Sprint("class ", i), Key: fmt.Sprint("key-", i)})
	}
	var firstLinks string
	for i := range mostRooms {
		firstLinks += fmt.Sprintf("sop-chat: \"class %d\": https://chat.example.com/#key=key-%[1]d\n", i)
	}
	for _, test := range []struct {
		rooms   []rooms.Room
		own     []string
		urls    []string
		hideKey bool
		want    string
	}{
		{
			some[:1],
			[]string{"192.168.1.5"},
			nil, false,
			"sop-chat: listening on port 9000, all addresses; 1 room, at most 4 clients\n" +
				"sop-chat: others join with the key: sop-chat join 192.168.1.5:9000 (or localhost:9000 on this machine)\n" +
				"sop-chat: the room: \"maths\"\n" +
				"sop-chat: others join from a browser: http://192.168.1.5:9000/#key=a%20key\n",
		},
		{
			some,
			[]string{"192.168.1.5", "10.0.0.1"},
			nil, false,
			"sop-chat: listening on port 9000, all addresses; 2 rooms, at most 4 clients in each\n" +
				"sop-chat: others join with the key of a room: sop-chat join 192.168.1.5:9000 (or 10.0.0.1:9000, localhost:9000 on this machine)\n" +
				"sop-chat: the rooms: \"maths\" and \"\\u{202e}\\\"[x]\"\n" +
				"sop-chat: others join from a browser, each room by its link:\n" +
				"sop-chat: \"maths\": http://192.168.1.5:9000/#key=a%20key\n" +
				"sop-chat: \"\\u{202e}\\\"[x]\": http://192.168.1.5:9000/#key=b\n" +
				"sop-chat: or with http://10.0.0.1:9000 in the place of http://192.168.1.5:9000\n",
		},
		{
			uneven,
			[]string{"::1"},
			nil, true,
			"sop-chat: listening on port 9000, all addresses; 2 rooms\n" +
				"sop-chat: only this machine can join, with the key of a room: sop-chat join localhost:9000\n" +
				"sop-chat: the rooms: \"maths\" and \"music\"\n" +
				"sop-chat: only this machine can join from a browser, with the key of a room: http://localhost:9000/\n",
		},
		{
			uneven, nil, nil, false,
			"sop-chat: listening on port 9000, all addresses; 2 rooms\n" +
				"sop-chat: others join with the key of a room and an address of this machine: sop-chat join ADDRESS:9000 (or localhost:9000 here)\n" +
				"sop-chat: the rooms: \"maths\" and \"music\"\n" +
				"sop-chat: join on this machine from a browser, each room by its link:\n" +
				"sop-chat: \"maths\": http://localhost:9000/#key=a%20key\n" +
				"sop-chat: \"music\": http://localhost:9000/#key=b\n" +
				"sop-chat: others put an address of this machine in the place of localhost\n",
		},
		{
			many,
			[]string{"192.168.1.5"},
			[]string{"https://chat.example.com"},
			false,
			"sop-chat: listening on port 9000, all addresses; 1234 rooms, any number of clients in each\n" +
				"sop-chat: others join with the key of a room: sop-chat join 192.168.1.5:9000 (or localhost:9000 on this machine)\n" +
				"sop-chat: the rooms: \"class 0\", \"class 1\", \"class 2\", \"class 3\", \"class 4\", \"class 5\", \"class 6\", \"class 7\", \"class 8\", \"class 9\" and 1224 more\n" +
				"sop-chat: others join from a browser, each room by its link:\n" + firstLinks +
				"sop-chat: and 1224 more, with the key of each behind #key=\n",
		},
	} {
		i := invitation{port: 9000, bound: addrs([]string{"::"}), own: addrs(test.own), rooms: test.rooms}
		out := bytes.NewBufferString(i.String())
		webInvitation{invitation: i, urls: test.urls, hideKey: test.hideKey}.show(out, false)
		if got := out.String(); got != test.want {
			t.Errorf("printed\n%swant\n%s", got, test.want)
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

// Over TLS others join by a name that the certificate is for, if it has one that they can
// use; beside a port without TLS, one line says so.
func TestInvitationWithTLS(t *testing.T) {
	i := invitation{port: 9443, bound: addrs([]string{"::"}), own: addrs([]string{"192.168.1.5"}), maxClients: 4, isTLS: true}
	if got, want := i.String(), "sop-chat: listening with TLS on port 9443, all addresses; at most 4 clients\n"+
		"sop-chat: others join with the key: sop-chat join --tls 192.168.1.5:9443 (or localhost:9443 on this machine)\n"; got != want {
		t.Errorf("%swant:\n%s", got, want)
	}
	i.names = publicNames([]string{"localhost", "127.0.0.1", "::1", "chat.example.com", "192.0.2.7"})
	if got, want := i.beside(), "sop-chat: with TLS on port 9443, all addresses: others join with the key: sop-chat join --tls chat.example.com:9443\n"; got != want {
		t.Errorf("%swant:\n%s", got, want)
	}
	for port, want := range map[uint16]string{
		8443: "sop-chat: others join from a browser: https://chat.example.com:8443/#key=key\nsop-chat: or: https://192.0.2.7:8443/#key=key\n",
		443:  "sop-chat: others join from a browser: https://chat.example.com/#key=key\nsop-chat: or: https://192.0.2.7/#key=key\n",
	} {
		i.port = port
		var out bytes.Buffer
		webInvitation{invitation: i, roomKey: "key", isHTTPS: true}.show(&out, false)
		if got := out.String(); got != want {
			t.Errorf("%swant:\n%s", got, want)
		}
	}
}
