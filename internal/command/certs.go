package command

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// certOptions say which certificate the server has.
type certOptions struct{ cert, key string }

func (c *certOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &c.cert, "tls-cert", "FILE", "", anyText,
		`The certificate for --tls and for --web, which is https then: a PEM file, with the certificates `+
			`between it and its authority behind it.`)
	define(flags, &c.key, "tls-key", "FILE", "", anyText, `The private key of --tls-cert, a PEM file.`)
}

// areSet reports whether there is a certificate.
func (c *certOptions) areSet() bool { return c.cert != "" }

// check reports options of which one needs the other.
func (c *certOptions) check() error {
	switch {
	case c.cert != "" && c.key == "":
		return usagef("--tls-cert needs the private key, too: --tls-key FILE")
	case c.key != "" && c.cert == "":
		return usagef("--tls-key needs the certificate, too: --tls-cert FILE")
	}
	return nil
}

// A certificate is what the server shows to clients.
type certificate struct {
	configure func(*tls.Config) *tls.Config
	// names are the hosts and addresses that it is for.
	names []string
}

// load reads the certificate.
func (c *certOptions) load() (certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return certificate{}, fmt.Errorf("the certificate of --tls-cert and --tls-key can't be used: %w", err)
	}
	return certificate{
		configure: func(c *tls.Config) *tls.Config {
			c.Certificates = []tls.Certificate{pair}
			return c
		},
		names: namesOf(pair.Leaf),
	}, nil
}

// namesOf returns the hosts and addresses that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := slices.DeleteFunc(slices.Clone(c.DNSNames), func(name string) bool { return strings.Contains(name, "*") })
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// publicNames returns the names by which others than this machine can reach it.
func publicNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		addr, err := netip.ParseAddr(name)
		return name == "localhost" || err == nil && addr.IsLoopback()
	})
}
