package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	library "github.com/pires/go-proxyproto"
)

// header2 returns a header of version 2.
func header2(command, family byte, addresses ...byte) string {
	b := append([]byte(signature2), version2<<4|command, family)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(addresses))), addresses...))
}

var (
	ipv4 = []byte{192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x23, 0x28}
	ipv6 = append(append([]byte{0x20, 1, 0xd, 0xb8, 15: 1}, []byte{0x20, 1, 0xd, 0xb8, 15: 2}...), 0xdc, 0x04, 0x23, 0x28)
	// of a client with IPv4 on a socket of IPv6
	mapped = append(append([]byte{10: 0xff, 0xff, 192, 0, 2, 1}, make([]byte, 16)...), 0xdc, 0x04, 0x23, 0x28)
	unix   = make([]byte, 2*108)
	// PP2_TYPE_NOOP, section 2.2.4
	noop = []byte{4, 0, 3, 'a', 'b', 'c'}
)

// Headers that are valid, and the client that each is about; none if it is the proxy.
var valid = []struct{ what, header, client string }{
	{"TCP over IPv4", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 9000\r\n", "192.0.2.1:56324"},
	{"TCP over IPv6", "PROXY TCP6 2001:db8::1 2001:DB8::2 56324 9000\r\n", "[2001:db8::1]:56324"},
	{"the shortest", "PROXY TCP6 :: :: 0 0\r\n", "[::]:0"},
	{"all addresses written out", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{"IPv4 in IPv6", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 1 2\r\n", "192.0.2.1:1"},
	{"IPv4 as if it was IPv6", "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", "192.0.2.1:1"},
	{"unknown", "PROXY UNKNOWN\r\n", ""},
	{"unknown, with more", "PROXY UNKNOWN ffff:f...f:ffff \r what\never 65535 65535\r\n", ""},
	{"unknown, and as long as may be", "PROXY UNKNOWN " + strings.Repeat("x", max1-16) + "\r\n", ""},

	{"version 2, IPv4", header2(commandProxy, 0x11, ipv4...), "192.0.2.1:56324"},
	{"version 2, IPv6", header2(commandProxy, 0x21, ipv6...), "[2001:db8::1]:56324"},
	{"version 2, IPv4 in IPv6", header2(commandProxy, 0x21, mapped...), "192.0.2.1:56324"},
	{"version 2, more fields", header2(commandProxy, 0x11, append(ipv4, noop...)...), "192.0.2.1:56324"},
	{"version 2, as long as may be", header2(commandProxy, 0x11, append(ipv4, make([]byte, MaxSize-size2-12)...)...), "192.0.2.1:56324"},
	{"LOCAL", header2(commandLocal, 0), ""},
	{"LOCAL, with addresses", header2(commandLocal, 0x11, ipv4...), ""},
	{"LOCAL, with anything", header2(commandLocal, 0xff, 1, 2, 3), ""},
	{"unspecified", header2(commandProxy, 0), ""},
	{"unspecified, more fields", header2(commandProxy, 0, noop...), ""},
	{"IPv4 without a transport", header2(commandProxy, 0x10, ipv4...), ""},
	{"UDP", header2(commandProxy, 0x12, ipv4...), ""},
	{"a socket of Unix", header2(commandProxy, 0x31, unix...), ""},
}

// A valid header is read, wherever it is cut, and not a byte behind it.
func TestValid(t *testing.T) {
	for _, test := range valid {
		for _, behind := range []string{"", "x", "\r\n", strings.Repeat("\x00", 512), test.header} {
			h, err := Parse([]byte(test.header + behind))
			client := ""
			if h.Client.IsValid() {
				client = h.Client.String()
			}
			if err != nil || client != test.client || h.Size != len(test.header) {
				t.Errorf("%s, followed by %q: %q of %d bytes, %v; want %q of %d", test.what, behind, client, h.Size, err, test.client, len(test.header))
			}
		}
		for i := range test.header {
			if h, err := Parse([]byte(test.header[:i])); err != ErrIncomplete {
				t.Errorf("%s, cut at byte %d: %+v, %v", test.what, i, h, err)
			}
		}
	}
}

// What is invalid is refused, with words that say why.
func TestInvalid(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"PROXY TCP4 192.0.2.1 198.51.100.1 56324 9000\n" + strings.Repeat("x", 512), "its line is longer than 107"},
		{"PROXY UNKNOWN " + strings.Repeat("x", max1-15) + "\r\n", "its line is longer than 107"},
		{"PROXY \r\n", `"" is neither TCP4, TCP6 nor UNKNOWN`},
		{"PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n", `"TCP5" is neither TCP4, TCP6 nor UNKNOWN`},
		{"PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n", `"tcp4" is neither TCP4, TCP6 nor UNKNOWN`},
		{"PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n", `"" is neither TCP4, TCP6 nor UNKNOWN`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", `"PROXY TCP4 192.0.2.1 198.51.100.1 1" has 5 fields, not 6`},
		{"PROXY TCP4\r\n", `"PROXY TCP4" has 2 fields, not 6`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", `"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3" has 7 fields, not 6`},
		{"PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", `"192.0.2.01" is not an address for TCP4`},
		{"PROXY TCP4 192.0.2.1 198.51.100 1 2\r\n", `"198.51.100" is not an address for TCP4`},
		{"PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n", `"2001:db8::1" is not an address for TCP4`},
		{"PROXY TCP6 fe80::1%eth0 :: 1 2\r\n", `"fe80::1%eth0" is not an address for TCP6`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", `"01" is not a port`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n", `"65536" is not a port`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n", `"+1" is not a port`},
		{"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\r\n", `"2\r" is not a port`},
		{string(signature2) + "\x11\x11\x00\x00", "its version is 1, not 2"},
		{header2(2, 0x11, ipv4...), "its command is 2, neither 0 (LOCAL) nor 1 (PROXY)"},
		{header2(commandProxy, 0x41, ipv4...), "its address family and transport are 0x41, which is undefined"},
		{header2(commandProxy, 0x13, ipv4...), "its address family and transport are 0x13, which is undefined"},
		{header2(commandProxy, 0x11, ipv4[:11]...), "its size is 27, too little for the addresses"},
		{header2(commandProxy, 0x21, ipv6[:35]...), "its size is 51, too little for the addresses"},
		{header2(commandProxy, 0x11, make([]byte, MaxSize-size2+1)...), "its size is 4097; at most 4096 is taken"},
	} {
		if h, err := Parse([]byte(test.header)); err == nil || err.Error() != test.want {
			t.Errorf("%.80q is %+v, %v; want %s", test.header, h, err, test.want)
		}
	}
}

// What can't be the beginning of a header is told from it by its first byte that differs.
func TestNone(t *testing.T) {
	for _, text := range []string{
		"alice", "P", "PROXY", "PROXY TCP4", "proxy ", "GET / HTTP/1.1\r\n", "\r\n\r\n\x00\r\nQUIT", "\r\n\r\nQUIT\n", "\x16\x03\x01", "\x00",
	} {
		got := error(nil)
		for i := range len(text) + 1 {
			if _, err := Parse([]byte(text[:i])); got != ErrNone {
				got = err
			} else if err != ErrNone {
				t.Errorf("%q: %v, and it was none at first", text[:i], err)
			}
		}
		isBeginning := strings.HasPrefix(string(signature1)+"TCP4", text) || strings.HasPrefix(string(signature2), text)
		if isNone := got == ErrNone; isNone == isBeginning {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Whatever comes, and wherever it is cut, it is the same header as in one piece; and the
// same that the library reads, if that reads one.
func FuzzParse(f *testing.F) {
	for _, test := range valid {
		f.Add([]byte(test.header+"behind"), uint16(7))
	}
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n"), uint16(3))
	f.Add([]byte(header2(2, 0x11, ipv4...)), uint16(12))
	library.V1AcceptIPv4InTCP6 = true
	library.MaxV2HeaderSize = MaxSize - size2
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		h, err := Parse(b)
		if h.Size < 0 || h.Size > len(b) || h.Size > MaxSize || (h.Size > 0) != (err == nil) {
			t.Fatalf("%+v, %v", h, err)
		}
		if err == ErrIncomplete && len(b) >= MaxSize {
			t.Fatalf("%d bytes are not enough", len(b))
		}
		at := min(int(cut), len(b))
		switch early, errEarly := Parse(b[:at]); {
		case errEarly == ErrIncomplete:
		case err == nil && errEarly == nil:
			if early != h {
				t.Errorf("%+v, and of %d bytes %+v", h, at, early)
			}
		case errors.Is(err, ErrIncomplete) || err == nil:
			t.Errorf("%+v, %v; and of %d bytes %v", h, err, at, errEarly)
		}
		compare(t, b, h, err)
	})
}

// compare compares with what the library reads. That takes the same headers, with these
// exceptions: it has no addresses of its own for what is unspecified or undefined, which
// it refuses, even in LOCAL; it refuses a bare line feed in what follows UNKNOWN; and it
// takes anything but a header that is complete for none.
func compare(t *testing.T, b []byte, h Header, err error) {
	r := bufio.NewReaderSize(bytes.NewReader(b), 2*MaxSize)
	want, wantErr := library.Read(r)
	switch {
	case wantErr != nil && err != nil:
		return
	case wantErr != nil:
		if h.Client.IsValid() {
			t.Errorf("the client is %v; the library: %v", h.Client, wantErr)
		}
		return
	case err != nil:
		t.Fatalf("%v; the library has %+v", err, want)
	}
	if size := len(b) - r.Buffered(); size != h.Size && len(b) <= 2*MaxSize {
		t.Errorf("the header has %d bytes, and for the library %d", h.Size, size)
	}
	var client netip.AddrPort
	if from, ok := want.SourceAddr.(*net.TCPAddr); ok && !want.Command.IsLocal() {
		at := from.AddrPort()
		client = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	if client != h.Client {
		t.Errorf("the client is %v, and for the library %v", h.Client, client)
	}
}
