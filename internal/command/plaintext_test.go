package command

import (
	"net/netip"
	"strings"
	"testing"
)

// One line says what others reach without encryption: not what only this machine reaches,
// nor what a proxy encrypts.
func TestPlaintextWarning(t *testing.T) {
	const begin, end = "sop-chat: ", " not encrypted: anyone on the network in between can read keys and messages\n"
	for _, test := range []struct {
		args        string
		bound, page string
		want        string
	}{
		{bound: "::", want: "port 9000 is"},
		{bound: "0.0.0.0", want: "port 9000 is"},
		{bound: "192.168.1.5", want: "port 9000 is"},
		{bound: "127.0.0.1 192.168.1.5", want: "port 9000 is"},
		{bound: "127.0.0.1 ::1"},
		{args: "--web :8080", bound: "::", page: "::", want: "port 9000 and the page are"},
		{args: "--web :8080", bound: "127.0.0.1", page: "::", want: "the page is"},
		{args: "--web 127.0.0.1:8080", bound: "::", page: "127.0.0.1", want: "port 9000 is"},
		{args: "--web 127.0.0.1:8080", bound: "::1", page: "127.0.0.1"},
		{args: "--web 127.0.0.1:8080 --web-origin https://a", bound: "::1", page: "127.0.0.1"},
		{args: "--web 127.0.0.1:8080 --web-origin https://a", bound: "::", page: "127.0.0.1", want: "port 9000 is"},
		{args: "--web :8080 --web-origin https://a,https://b/c", bound: "::1", page: "::"},
		{args: "--web 127.0.0.1:8080 --web-origin https://a,http://a", bound: "::1", page: "127.0.0.1", want: "the page is"},
		{args: "--web 127.0.0.1:8080 --web-origin http://a", bound: "::1", page: "127.0.0.1", want: "the page is"},
		{args: "--web 127.0.0.1:8080 --trusted-proxy 127.0.0.1", bound: "::1", page: "127.0.0.1"},
		{args: "--web :8080 --trusted-proxy 127.0.0.1", bound: "::1", page: "::", want: "the page is"},
		{args: "--web :8080 --tls-cert c --tls-key k", bound: "::1", page: "::"},
		{args: "--tls :9443 --tls-cert c --tls-key k", bound: "::", want: "port 9000 is"},
		{args: "--web :8080 --trusted-proxy 192.168.1.1", bound: "::1", page: "::", want: "the page is"},
	} {
		o := options(t, process(append(strings.Fields(test.args), "9000", "key")))
		addrs := func(text string) (all []netip.Addr) {
			for _, word := range strings.Fields(text) {
				all = append(all, netip.MustParseAddr(word))
			}
			return all
		}
		var out strings.Builder
		warnOfPlaintext(&out, o.endpoints(addrs(test.bound), addrs(test.page)))
		want := test.want
		if want != "" {
			want = begin + want + end
		}
		if out.String() != want {
			t.Errorf("%s, listening on %s and %s: said %q, want %q", test.args, test.bound, test.page, &out, want)
		}
	}
}
