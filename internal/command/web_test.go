package command

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"testing"
)

// The page's address always has a port; the host may be left out.
func TestWebListen(t *testing.T) {
	for text, want := range map[string]webAddress{
		"":               {},
		":8080":          {"::", 8080},
		"127.0.0.1:8080": {"127.0.0.1", 8080},
		"[::1]:8080":     {"::1", 8080},
		"localhost:80":   {"localhost", 80},
	} {
		if got, err := webListen(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"8080", ":", ":0", ":65536", ":http", "::1:8080", "http://localhost:8080"} {
		if got, err := webListen(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

// Where the page is found is a scheme, a host and perhaps a path; slashes at the
// end are forgiven. Origins are what browsers send of it.
func TestWebURLs(t *testing.T) {
	got, err := webURLs("https://Chat.example.com/, http://[::1]:8080,https://example.com/Chat/room%201/")
	if want := []string{"https://chat.example.com", "http://[::1]:8080", "https://example.com/Chat/room%201"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the URLs are %q, %v; want %q", got, err, want)
	}
	w := webOptions{urls: got}
	if got, want := w.origins(), []string{"https://chat.example.com", "http://[::1]:8080", "https://example.com"}; !slices.Equal(got, want) {
		t.Errorf("the origins are %q, want %q", got, want)
	}
	const beginning = " is not the beginning of a link, such as https://chat.example.com or https://example.com/chat"
	const wildcard = " has a wildcard; name each host, separated by commas, such as https://chat.example.com,https://chat.example.org"
	for text, want := range map[string]string{
		"chat.example.com":              `"chat.example.com"` + beginning,
		"ftp://a":                       `"ftp://a"` + beginning,
		"https://u@a":                   `"https://u@a"` + beginning,
		"https://a?b":                   `"https://a?b"` + beginning,
		"https://":                      `"https://"` + beginning,
		"https:///chat":                 `"https:///chat"` + beginning,
		"https://a/%zz":                 `"https://a/%zz"` + beginning,
		"*":                             `"*"` + wildcard,
		"https://a, https://*.b":        `"https://*.b"` + wildcard,
		"https://a/*":                   `"https://a/*"` + wildcard,
		"https://a/chat/#key=open%20it": `"https://a/chat/" is followed by a '#'; leave that out, and what comes after it`,
	} {
		if got, err := webURLs(text); err == nil || err.Error() != want {
			t.Errorf("%q is %q, %v; want %s", text, got, err, want)
		}
	}
}

// The page may be asked for by the names that the operator gave.
func TestWebNames(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	o := webOptions{at: webAddress{"chat.lan", 8080}}
	got := o.names("room.lan")
	for _, want := range []string{"chat.lan", "room.lan", own} {
		if !slices.Contains(got, want) {
			t.Errorf("the names are %q, without %q", got, want)
		}
	}
	if slices.Contains(got, "") {
		t.Errorf("the names are %q, with an empty one", got)
	}
}

// Proxies are addresses or networks.
func TestPrefixes(t *testing.T) {
	got, err := prefixes("127.0.0.1, 10.0.0.0/8,::1")
	want := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the proxies are %v, %v; want %v", got, err, want)
	}
	for _, text := range []string{"proxy", "10.0.0.0/33", "1.2.3.4:80"} {
		if got, err := prefixes(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

// Links lead to addresses that others can reach, or to where a proxy is, and
// bring the key along, whatever is in it.
func TestWebInvitation(t *testing.T) {
	own := addrs([]string{"127.0.0.1", "2001:db8::5", "192.168.1.5", "::1", "fe80::1"})
	tests := []struct {
		bound   []string
		own     []netip.Addr
		urls    []string
		key     string
		hideKey bool
		want    string
	}{
		{
			[]string{"::"},
			own, nil, "a key&#%+ü", false,
			"sop-chat: others join from a browser: http://192.168.1.5:8080/#key=a%20key%26%23%25%2B%C3%BC\n" +
				"sop-chat: or: http://[2001:db8::5]:8080/#key=a%20key%26%23%25%2B%C3%BC\n",
		},
		{
			[]string{"127.0.0.1"},
			own,
			[]string{"https://chat.example.com"},
			"key", false,
			"sop-chat: others join from a browser: https://chat.example.com/#key=key\n",
		},
		{
			[]string{"127.0.0.1"},
			own,
			[]string{"https://example.com/chat", "https://chat.example.com"},
			"key", false,
			"sop-chat: others join from a browser: https://example.com/chat/#key=key\n" +
				"sop-chat: or: https://chat.example.com/#key=key\n",
		},
		{
			[]string{"127.0.0.1"},
			own, nil, "key", false,
			"sop-chat: only this machine can join from a browser: http://127.0.0.1:8080/#key=key\n",
		},
		{
			[]string{"::"},
			addrs([]string{"127.0.0.1", "::1"}), nil, "key", false,
			"sop-chat: only this machine can join from a browser: http://localhost:8080/#key=key\n",
		},
		{ // the system does not tell what the machine has
			[]string{"::"},
			nil, nil, "key", false,
			"sop-chat: join from a browser on this machine: http://localhost:8080/#key=key\n" +
				"sop-chat: others put an address of this machine in the place of localhost\n",
		},
		{
			[]string{"::"},
			own, nil, "key", true,
			"sop-chat: others join from a browser, with the key: http://192.168.1.5:8080/\n" +
				"sop-chat: or: http://[2001:db8::5]:8080/\n",
		},
		{
			[]string{"127.0.0.1"},
			own, nil, "key", true,
			"sop-chat: only this machine can join from a browser, with the key: http://127.0.0.1:8080/\n",
		},
	}
	for _, test := range tests {
		var out bytes.Buffer
		webInvitation{
			invitation: invitation{port: 8080, bound: addrs(test.bound), own: test.own},
			urls:       test.urls, roomKey: test.key, hideKey: test.hideKey,
		}.show(&out, false)
		if got := out.String(); got != test.want {
			t.Errorf("bound to %v:\n%swant:\n%s", test.bound, got, test.want)
		}
	}
}
