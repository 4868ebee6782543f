package origin

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
)

// someFiles are read in place of the file system.
func someFiles(path string) ([]byte, error) {
	content, found := map[string]string{
		"office.txt": "# the office\n192.0.2.0/24   # by cable\r\n\n  2001:db8:1::/48\n",
		"bad.txt":    "192.0.2.1\n# fine so far\n192.0.2.300 # a typo\n",
		"empty.txt":  "# nobody yet\n",
	}[path]
	if !found {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

// A list has the addresses and networks that it names, and those of its files.
func TestList(t *testing.T) {
	const text = " 198.51.100.7, @office.txt,203.0.113.0/25,,::ffff:10.1.0.0/112, fe80::1%eth0"
	list, err := ParseList(text, someFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		addr string
		want bool
	}{
		{"198.51.100.7", true},
		{"::ffff:198.51.100.7", true},
		{"198.51.100.8", false},
		{"192.0.2.255", true},
		{"192.0.3.0", false},
		{"203.0.113.127", true},
		{"203.0.113.128", false},
		{"2001:db8:1:ffff::1", true},
		{"2001:db8:2::1", false},
		{"10.1.255.255", true},
		{"10.2.0.0", false},
		{"fe80::1%eth1", true},
		{"::1", false},
	} {
		if got := list.Contains(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("%s is in the list: %v, want %v", test.addr, got, test.want)
		}
	}
	if list.Contains(netip.Addr{}) {
		t.Error("an unknown address is in the list")
	}
}

// What is wrong in a list is said with its value, and in a file with its line.
func TestBadLists(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"localhost", `"localhost" is neither an IP address nor a network`},
		{"10.0.0.0/33", `"10.0.0.0/33" is neither an IP address nor a network`},
		{"192.0.2.1,10.0.0.1/8", `"10.0.0.1/8" is an address in a network; write 10.0.0.0/8 for the network, or 10.0.0.1 for the address`},
		{"@bad.txt", `bad.txt:3: "192.0.2.300" is neither an IP address nor a network`},
		{"@missing.txt", "open missing.txt: file does not exist"},
		{"@", "the path of a file is missing behind '@'"},
	} {
		if _, err := ParseList(test.text, someFiles); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

// Those that are denied may not come, and if some are allowed, no others.
func TestLists(t *testing.T) {
	for _, test := range []struct {
		allow, deny, addr string
		denied            bool
	}{
		{"", "", "192.0.2.1", false},
		{"192.0.2.0/24", "", "192.0.2.1", false},
		{"192.0.2.0/24", "", "192.0.3.1", true},
		{"192.0.2.0/24", "", "127.0.0.1", true},
		{"192.0.2.0/24", "192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.0/24", "192.0.2.1", true},
		{"", "192.0.2.0/24", "192.0.3.1", false},
		{"@empty.txt", "", "192.0.2.1", true},
		{"", "@empty.txt", "192.0.2.1", false},
		{"", "2001:db8::/32", "2001:db8::1", true},
	} {
		allow, err := ParseList(test.allow, someFiles)
		if err != nil {
			t.Fatal(err)
		}
		deny, err := ParseList(test.deny, someFiles)
		if err != nil {
			t.Fatal(err)
		}
		table := NewTable(Config{})
		table.SetLists(Lists{allow, deny})
		addr := netip.MustParseAddr(test.addr)
		v, _ := table.Look(addr, start)
		if got := table.Denies(addr); got != test.denied || (mayConnect(table, addr, start) == Denied) != got || (v == Denied) != got {
			t.Errorf("with %q allowed and %q denied, %s is denied: %v", test.allow, test.deny, test.addr, got)
		}
	}
}

// Whatever a list is, parsing it ends, and a list that is accepted has what it says.
func FuzzParseList(f *testing.F) {
	for _, text := range []string{"192.0.2.1", "10.0.0.0/8,::/0", "@office.txt", "::ffff:10.0.0.0/104", "fe80::1%eth0", "@,", "0.0.0.0/0 "} {
		f.Add(text, "192.0.2.1\n# comment\n")
	}
	f.Fuzz(func(t *testing.T, text, content string) {
		list, err := ParseList(text, func(string) ([]byte, error) { return []byte(content), nil })
		if err != nil || list == nil {
			return
		}
		for item := range strings.SplitSeq(text, ",") {
			if addr, err := netip.ParseAddr(strings.TrimSpace(item)); err == nil && !list.Contains(addr) {
				t.Errorf("%s is not in the list %q", addr, text)
			}
		}
	})
}

// Finding an address costs as much in a list of a hundred thousand as in a short one.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var file strings.Builder
			for i := range n {
				fmt.Fprintf(&file, "%s\n", address(i*7919))
			}
			list, err := ParseList("@list", func(string) ([]byte, error) { return []byte(file.String()), nil })
			if err != nil || list.Len() != n {
				b.Fatal(list.Len(), err)
			}
			lists, i := Lists{Deny: list}, 0
			for b.Loop() {
				lists.Denies(address(i * 31))
				i++
			}
		})
	}
}
