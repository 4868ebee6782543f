package command

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The error says in words why the server can't listen, with the port and the
// address.
func TestListenError(t *testing.T) {
	tests := []struct {
		at    string
		errno syscall.Errno
		want  string
	}{
		{
			"[::]:9000", syscall.EADDRINUSE,
			"port 9000 is already in use on all addresses; choose another one, " +
				"or stop the program that has it (ss -ltnp shows it)",
		},
		{
			"127.0.0.1:9000", syscall.EADDRINUSE,
			"port 9000 is already in use on 127.0.0.1; choose another one, " +
				"or stop the program that has it (ss -ltnp shows it)",
		},
		{
			"[::]:80", syscall.EACCES,
			"no permission to listen on port 80; choose one from 1024 on, " +
				"or lower net.ipv4.ip_unprivileged_port_start",
		},
		{
			"192.0.2.1:9000", syscall.EADDRNOTAVAIL,
			"192.0.2.1 is not an address of this machine; choose one that it has (ip address shows them)",
		},
		{
			"[fe80::1]:9000", syscall.EINVAL,
			"fe80::1 lacks its network interface; write it as in fe80::1%eth0",
		},
		{
			"[fe80::1%nosuch]:9000", syscall.EINVAL,
			`fe80::1%nosuch names the network interface "nosuch", which this machine does not have (ip link shows those it has)`,
		},
		{
			"[::1]:9000", syscall.ENOBUFS,
			"listening on port 9000, ::1: bind: " + syscall.ENOBUFS.Error(),
		},
	}
	for _, test := range tests {
		err := listenError(os.NewSyscallError("bind", test.errno), netip.MustParseAddrPort(test.at))
		if err.Error() != test.want {
			t.Errorf("%s, %v:\n%v\nwant:\n%s", test.at, test.errno, err, test.want)
		}
	}
}

// listenAll listens on all addresses of a name that this machine has.
func TestListenAll(t *testing.T) {
	var asked []netip.AddrPort
	bound, err := listenAll(t.Context(), "localhost", 9000, func(at netip.AddrPort) error {
		asked = append(asked, at)
		if at.Addr().Is6() {
			return os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(asked, netip.MustParseAddrPort("127.0.0.1:9000")) {
		t.Errorf("asked for %v", asked)
	}
	if len(bound) != 1 || bound[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("bound to %v", bound)
	}
}

func TestListenAllTakesAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"::":               "::",
		"0.0.0.0":          "0.0.0.0",
		"::ffff:192.0.2.1": "192.0.2.1",
		"fe80::1%eth0":     "fe80::1%eth0",
	} {
		bound, err := listenAll(t.Context(), text, 9000, func(netip.AddrPort) error { return nil })
		if err != nil || len(bound) != 1 || bound[0] != netip.MustParseAddr(want) {
			t.Errorf("%s: bound to %v, %v", text, bound, err)
		}
	}
}

// An address that this machine does not have is an error if it is the only one; a
// port in use always is.
func TestListenAllFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE} {
		_, err := listenAll(t.Context(), "localhost", 9000, func(netip.AddrPort) error { return errno })
		if err == nil {
			t.Errorf("%v is no failure", errno)
		}
	}
	for bind, want := range map[string]string{
		"no host":        `"no host" is neither an IP address nor a host name`,
		"[::1]":          `"[::1]" has brackets around it; leave them out, as in ::1`,
		"[::1]:9000":     `"[::1]:9000" has a port at its end; leave it out, as in ::1`,
		"127.0.0.1:9000": `"127.0.0.1:9000" has a port at its end; leave it out, as in 127.0.0.1`,
		"no host:9000":   `"no host:9000" has a port at its end; leave it out, as in no host`,
		"*":              `"*" is not an address; :: is all addresses`,
		"":               `"" is not an address; :: is all addresses`,
	} {
		_, err := listenAll(t.Context(), bind, 9000, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
