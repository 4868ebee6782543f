package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sop-chat/client"
)

// joinOptionsOf returns the options that the client would have.
func joinOptionsOf(t testing.TB, p Process) joinOptions {
	t.Helper()
	var got joinOptions
	cmd := newJoin(p, func(_ context.Context, o joinOptions, _ Process) error {
		got = o
		return nil
	})
	cmd.SetArgs(p.Args)
	if err := cmd.Execute(); err != nil {
		t.Fatalf("%q: %v", p.Args, err)
	}
	return got
}

// Every flag can be given as a variable too; the command line wins.
func TestJoinFlagsAndVariables(t *testing.T) {
	tests := []struct {
		flag, text string
		get        func(joinOptions) any
		want       any
	}{
		{"name", " bob ", func(o joinOptions) any { return o.name }, "bob"},
		{"tls", "true", func(o joinOptions) any { return o.tls }, true},
		{"plain", "true", func(o joinOptions) any { return o.plain }, true},
		{"json", "true", func(o joinOptions) any { return o.json && o.plain }, true},
		{"stay", "true", func(o joinOptions) any { return o.stay && o.plain }, true},
	}
	for _, test := range tests {
		set := "--" + test.flag + "=" + test.text
		for _, p := range []Process{
			process([]string{set, "localhost:9000"}),
			process([]string{"localhost:9000", set}),
			process([]string{"localhost:9000"}, variable(test.flag)+"="+test.text),
			process([]string{"localhost:9000", set}, variable(test.flag)+"=false"),
		} {
			if got := test.get(joinOptionsOf(t, p)); got != test.want {
				t.Errorf("%q: got %v, want %v", p.Args, got, test.want)
			}
		}
	}
}

// Without --name it is the login name, which always fits.
func TestJoinName(t *testing.T) {
	o := joinOptionsOf(t, process([]string{"localhost:9000"}))
	if o.name == "" || len(o.name) > 64 || strings.TrimSpace(o.name) != o.name {
		t.Errorf("the name is %q", o.name)
	}
	full := strings.Repeat("n", 64)
	if o := joinOptionsOf(t, process([]string{"localhost:9000", "--name", full})); o.name != full {
		t.Errorf("the name is %q", o.name)
	}
}

// A page can be given by its address or by the link that invites to it, whose key is
// used if no other is given.
func TestJoinPage(t *testing.T) {
	for _, test := range []struct {
		link, place, address, key string
	}{
		{"http://localhost:8080", "http://localhost:8080", "localhost:8080", ""},
		{"http://localhost:8080/#key=a%20b", "http://localhost:8080", "localhost:8080", "a b"},
		{"https://[::1]/chat/", "https://[::1]/chat", "[::1]:443", ""},
		{"HTTP://example.org", "HTTP://example.org", "example.org:80", ""},
	} {
		o := joinOptionsOf(t, process([]string{test.link}))
		if o.place() != test.place || o.address() != test.address || o.key != test.key || o.keyless != (test.key == "") {
			t.Errorf("%s: got %s, %s, key %q, %v", test.link, o.place(), o.address(), o.key, o.keyless)
		}
		o = joinOptionsOf(t, process([]string{test.link}, "SOP_CHAT_KEY=of variable"))
		if o.key != "of variable" {
			t.Errorf("%s: the key is %q", test.link, o.key)
		}
	}
}

// Shells complete what an address begins with.
func TestJoinCompletion(t *testing.T) {
	for begun, want := range map[string]string{"": "localhost:\nhttp://\nhttps://\n", "ht": "http://\nhttps://\n", "x": ""} {
		status, stdout, _ := result(t, process([]string{"__complete", "join", begun}))
		if want += ":6\n"; status != 0 || stdout != want {
			t.Errorf("%q: status %d, %q", begun, status, stdout)
		}
	}
}

// The key comes from a file or the variable, or the client asks for it.
func TestJoinKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("of file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args        []string
		environment []string
		want        string
		keyless     bool
	}{
		{[]string{"localhost:9000"}, []string{"SOP_CHAT_KEY=of variable"}, "of variable", false},
		{[]string{"localhost:9000", "--key-file", file}, []string{"SOP_CHAT_KEY=of variable"}, "of file", false},
		{[]string{"localhost:9000", "--key-file", "-"}, nil, "of input", false},
		{[]string{"localhost:9000"}, nil, "", true},
	} {
		p := process(test.args, test.environment...)
		p.Stdin = strings.NewReader("of input\n")
		if got := joinOptionsOf(t, p); got.key != test.want || got.keyless != test.keyless {
			t.Errorf("%q %q: got %q, %v", test.args, test.environment, got.key, got.keyless)
		}
	}
}

func TestJoinWrongUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "HOST:PORT is missing"},
		{[]string{"localhost:9000", "key"}, `there are 2 arguments, not HOST:PORT alone; the key goes into a file (--key-file) or SOP_CHAT_KEY`},
		{[]string{"9000"}, `"9000" is not HOST:PORT, such as localhost:9000 or [::1]:9000`},
		{[]string{"ws://localhost:9000/#key=x"}, `"ws://localhost:9000/" is neither HOST:PORT nor the address of a page, such as http://localhost:8080`},
		{[]string{"http:///#key=x"}, `"http:///" is not the address of a page, such as http://localhost:8080`},
		{[]string{"http://localhost:99999"}, `port "99999" is not a number from 1 to 65535`},
		{[]string{"http://localhost:8080/#key=%00"}, "the key has a zero byte at position 0, which would end it there"},
		{[]string{"--tls", "http://localhost:8080#key=x"}, `"http://localhost:8080" is not reached over TLS; leave out --tls, or use https://`},
		{[]string{"localhost:9000", "--name", strings.Repeat("n", 65)}, "the name is 65 bytes long; at most 64 fit"},
		{[]string{"localhost:9000"}, "the key is missing: give it in a file with --key-file, or in SOP_CHAT_KEY"},
		{[]string{"localhost:9000", "--key", "secret"}, "there is no flag --key"},
	} {
		status, stdout, stderr := result(t, process(append([]string{"join"}, test.args...)))
		if want := "sop-chat: " + test.want + "\nTry 'sop-chat join --help'.\n"; status != 2 || stdout != "" || stderr != want {
			t.Errorf("%q: status %d, %q\n%swant:\n%s", test.args, status, stdout, stderr, want)
		}
	}
}

// With --stay a wrong key always ends the client, and a wrong address only at the start.
func TestPermanent(t *testing.T) {
	for _, test := range []struct {
		err           error
		first, joined bool
	}{
		{&client.RefusedError{Reason: client.WrongKey}, true, true},
		{&client.RefusedError{Reason: client.RoomFull}, false, false},
		{&client.RefusedError{}, false, false},
		{&client.NotAChatError{}, true, false},
		{&client.HandshakeError{Status: 404}, true, false},
		{&client.HandshakeError{Status: 502}, false, false},
		{fmt.Errorf("TLS: %w", &tls.CertificateVerificationError{Err: errors.New("unknown authority")}), true, false},
		{fmt.Errorf("TLS: %w", tls.RecordHeaderError{}), true, false},
		{fmt.Errorf("TLS: %w", &pinError{new(x509.Certificate)}), true, false},
		{fmt.Errorf("TLS: %w", &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}), true, false},
		{fmt.Errorf("TLS: %w", &net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}), false, false},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false, false},
		{syscall.ECONNREFUSED, false, false},
	} {
		if got := isPermanent(test.err, false); got != test.first {
			t.Errorf("%v at the start: %v", test.err, got)
		}
		if got := isPermanent(test.err, true); got != test.joined {
			t.Errorf("%v later: %v", test.err, got)
		}
	}
}
