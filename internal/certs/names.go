package certs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/certmagic"
	"golang.org/x/net/idna"
)

// domains are the names of hosts, as DNS has them.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// ParseName reads a domain or an IP address for which a CA may issue a certificate. It
// returns it as it is in certificates.
func ParseName(text string) (string, error) {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return "", fmt.Errorf("%q is a URL; the name in it is %s", text, u.Hostname())
	}
	if strings.Contains(text, "*") {
		return "", fmt.Errorf("%q has a wildcard, which CAs want proved by a DNS record, and this server "+
			"can't set one; give each host, or let another program get the certificate", text)
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil {
		if addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
			return "", fmt.Errorf("%q is not the address of one host", text)
		}
		return addr.Unmap().String(), nil
	}
	if host, _, err := net.SplitHostPort(text); err == nil && host != "" {
		return "", fmt.Errorf("%q has a port at its end; leave it out, as in %s", text, host)
	}
	name, err := domains.ToASCII(strings.TrimSuffix(text, "."))
	if err == nil {
		_, err = domains.ToASCII(name) // which is more strict with what is encoded
	}
	if err != nil || !utf8.ValidString(text) || endsWithNumber(name) {
		return "", fmt.Errorf("%q is neither a domain nor an IP address, such as chat.example.com", text)
	}
	return name, nil
}

// endsWithNumber reports whether a name's last label is a number, as in an address with
// a mistake; there is no such domain.
func endsWithNumber(name string) bool {
	last := name[strings.LastIndex(name, ".")+1:]
	return strings.Trim(last, "0123456789") == ""
}

// CheckPublic returns an error if no CA that everybody trusts may issue a certificate
// for a name.
func CheckPublic(name string) error {
	switch isIP := certmagic.SubjectIsIP(name); {
	case isIP && !certmagic.SubjectQualifiesForPublicCert(name):
		return fmt.Errorf("%q is an address in private networks alone; public CAs issue certificates for what is reachable from the internet", name)
	case !isIP && (!strings.Contains(name, ".") || !certmagic.SubjectQualifiesForPublicCert(name)):
		return fmt.Errorf("%q is a name in private networks alone; public CAs issue certificates for domains on the internet", name)
	}
	return nil
}
