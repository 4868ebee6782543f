package command

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// trustOptions say which servers the client trusts over TLS, if not those with a
// certificate that the system trusts.
type trustOptions struct {
	caFile string
	roots  *x509.CertPool // of the file; nil: those of the system
	pin    *pin           // nil: any certificate of an authority that is trusted
}

func (t *trustOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &t.caFile, "tls-ca", "FILE", "", anyText,
		`Trusts the certificate authorities in a PEM file, and not those of the system. Implies --tls.`)
	define(flags, &t.pin, "tls-pin", "SHA256", "", parsePin,
		`Trusts exactly the certificate with this SHA-256, or one with this SHA-256 of its public key, `+
			`whoever signed it, for whatever host and time: 64 hexadecimal digits, with or without `+
			`colons, or base64. Implies --tls.`)
}

// areSet reports whether there are any.
func (t *trustOptions) areSet() bool { return t.caFile != "" || t.pin != nil }

// read reads the file, and reports options that exclude each other.
func (t *trustOptions) read() error {
	switch {
	case t.caFile == "":
		return nil
	case t.pin != nil:
		return usageError("--tls-ca trusts authorities, and --tls-pin one certificate; leave one of them out")
	}
	pem, err := os.ReadFile(t.caFile)
	if err != nil {
		return fmt.Errorf("the file of --tls-ca can't be read: %w", err)
	}
	t.roots = x509.NewCertPool()
	if !t.roots.AppendCertsFromPEM(pem) {
		return usagef("--tls-ca: %s has no certificate (-----BEGIN CERTIFICATE-----)", t.caFile)
	}
	return nil
}

// config returns how to connect to a host.
func (t *trustOptions) config(host string) *tls.Config {
	c := &tls.Config{ServerName: host, RootCAs: t.roots}
	if t.pin != nil {
		c.InsecureSkipVerify = true // by authorities, host and time; the pin is what counts
		c.VerifyConnection = func(s tls.ConnectionState) error { return t.pin.check(s.PeerCertificates[0]) }
	}
	return c
}

// A pin is the SHA-256 of a certificate, or of its public key in the form in which
// the certificate has it (SubjectPublicKeyInfo).
type pin [sha256.Size]byte

// parsePin reads a pin, as openssl (-fingerprint -sha256) or curl (--pinnedpubkey) have it.
func parsePin(text string) (*pin, error) {
	if text == "" {
		return nil, nil
	}
	bare := strings.TrimPrefix(text, "sha256//")
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.RawStdEncoding.DecodeString} {
		if b, err := decode(strings.TrimRight(strings.ReplaceAll(bare, ":", ""), "=")); err == nil && len(b) == sha256.Size {
			return (*pin)(b), nil
		}
	}
	return nil, fmt.Errorf("%q is not a SHA-256: 64 hexadecimal digits, with or without colons, or 44 characters of base64", text)
}

// check returns an error if the pin is not that of a certificate.
func (p *pin) check(c *x509.Certificate) error {
	if *p == sha256.Sum256(c.Raw) || *p == sha256.Sum256(c.RawSubjectPublicKeyInfo) {
		return nil
	}
	return &pinError{c}
}

// A pinError says that a server's certificate is not the one that is trusted.
type pinError struct{ certificate *x509.Certificate }

func (e *pinError) Error() string {
	key := sha256.Sum256(e.certificate.RawSubjectPublicKeyInfo)
	return fmt.Sprintf("the SHA-256 of its certificate is %s, and that of its public key %s",
		fingerprint(e.certificate), base64.StdEncoding.EncodeToString(key[:]))
}

// fingerprint returns the pin of a certificate.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// explainTLS returns in words what is wrong with TLS, or with the server's certificate;
// "" if an error is about something else.
func (o *joinOptions) explainTLS(err error) string {
	place := o.place()
	if wrong, ok := errors.AsType[*pinError](err); ok {
		return fmt.Sprintf("%s does not have the certificate of --tls-pin: %v; ask the operator which is right", place, wrong)
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate of %s is for %s and not for %q; is the address right?", place, hostsOf(e.Certificate), e.Host)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return fmt.Sprintf("a certificate of %s is valid from %s to %s only; if the clock of this machine is right, the operator has to renew it",
			place, e.Cert.NotBefore.Format("2006-01-02"), e.Cert.NotAfter.Format("2006-01-02"))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("the certificate of %s is not signed by an authority that %s trusts; give its authority by --tls-ca FILE, "+
			"or trust it alone by --tls-pin %s, once the operator has confirmed that SHA-256", place, o.trusting(), presented(err))
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the certificate of %s is not valid: %v", place, e.Err)
	}
	if words := refusals[alertIn(err)]; words != "" {
		return place + " " + words
	}
	return ""
}

// flagsOfTLS returns the flags by which TLS is used.
func (o *joinOptions) flagsOfTLS() string {
	switch {
	case o.trust.pin != nil:
		return "--tls-pin"
	case o.trust.caFile != "":
		return "--tls-ca"
	case o.identity.areSet():
		return "--tls-cert"
	}
	return "--tls"
}

// trusting returns what decides which authorities are trusted.
func (o *joinOptions) trusting() string {
	if o.trust.caFile != "" {
		return "--tls-ca " + o.trust.caFile
	}
	return "this system"
}

// presented returns the pin of the certificate that could not be verified.
func presented(err error) string {
	e, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(e.UnverifiedCertificates) == 0 {
		return "SHA256"
	}
	return fingerprint(e.UnverifiedCertificates[0])
}

// hostsOf returns the hosts that a certificate is for.
func hostsOf(c *x509.Certificate) string {
	hosts := c.DNSNames
	for _, ip := range c.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	if len(hosts) == 0 {
		return "no host"
	}
	const most = 5
	more := ""
	if len(hosts) > most {
		hosts, more = hosts[:most], " and more"
	}
	return fmt.Sprintf("%q", strings.Join(hosts, ", ")) + more
}

// refusals say what servers mean that end a handshake with these alerts. Before TLS 1.3
// there is no alert for the lack of a certificate alone.
var refusals = map[string]string{
	"tls: certificate required":          "lets in only clients with a certificate; give yours by --tls-cert and --tls-key",
	"tls: bad certificate":               "lets in only clients with a certificate that it trusts; give yours by --tls-cert and --tls-key",
	"tls: unknown certificate authority": "does not trust the authority of the certificate of --tls-cert",
	"tls: handshake failure":             "refuses the TLS handshake; it may let in only clients with a certificate, see --tls-cert",
}

// alertIn returns the alert with which a server refused TLS, in the words of crypto/tls,
// which has no type for it; "" if it did not.
func alertIn(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return op.Err.Error()
	}
	return ""
}

// isAboutTLS reports whether an error is one of TLS that stays when the client tries
// again.
func isAboutTLS(err error) bool {
	_, wrongCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, wrongPin := errors.AsType[*pinError](err)
	return wrongCertificate || wrongPin || isPlain(err) || refusals[alertIn(err)] != ""
}
