package command

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// tlsOptions say how clients connect over TLS.
type tlsOptions struct {
	at       webAddress
	noPlain  bool
	clientCA string
}

func (t *tlsOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &t.at, "tls", "ADDRESS", "", webListen,
		`Lets clients join over TLS as well, on a port (:9443) of all addresses, or of one `+
			`(192.0.2.1:9443). It needs a certificate.`)
	define(flags, &t.noPlain, "no-plain", "", "false", truth,
		`Opens no port without TLS. PORT is left out then.`)
	define(flags, &t.clientCA, "tls-client-ca", "CA", "", anyText,
		`A PEM file of authorities. Over TLS, only clients with a certificate of one of them are `+
			`let in, and get the page.`)
}

// checkTLS reports options of TLS that have no effect, or lack something.
func (o *serveOptions) checkTLS() error {
	if err := o.certs.check(); err != nil {
		return err
	}
	t, hasWeb := &o.tls, o.web.at.port != 0
	switch {
	case t.at.port != 0 && o.stage <= 2, t.noPlain && o.stage <= 2:
		return usagef("--tls and --no-plain work from stage 3 on, not in stage %d", o.stage)
	case t.at.port != 0 && !o.certs.areSet():
		return usagef("--tls needs a certificate: --tls-cert FILE --tls-key FILE, or --acme DOMAIN")
	case t.noPlain && t.at.port == 0 && !hasWeb:
		return usagef("--no-plain leaves no way to join without --tls or --web")
	case o.certs.areSet() && t.at.port == 0 && !hasWeb:
		return usagef("a certificate is for --tls or --web, and neither is given")
	case t.clientCA != "" && !o.certs.areSet():
		return usagef("--tls-client-ca is about TLS, and there is none without a certificate: --tls-cert FILE --tls-key FILE")
	}
	return nil
}

// loadClientCA returns the authorities of clients' certificates, or nil if clients need none.
func (t *tlsOptions) loadClientCA() (*x509.CertPool, error) {
	if t.clientCA == "" {
		return nil, nil
	}
	content, err := os.ReadFile(t.clientCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-client-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("--tls-client-ca: %s has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----", t.clientCA)
	}
	return pool, nil
}
