package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// shortLived is the profile that Let's Encrypt demands for IP addresses: certificates
// that are valid for six days.
const shortLived = "shortlived"

// An addressIssuer issues certificates for IP addresses: as shortLived, if the CA has
// that, as it may not be asked for a profile that it does not offer.
type addressIssuer struct {
	*certmagic.ACMEIssuer // without a profile
	short                 *certmagic.ACMEIssuer
	client                *http.Client
}

// Issue orders a certificate.
func (i addressIssuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	ca := acme.Client{Directory: i.CA, HTTPClient: i.client}
	directory, err := ca.GetDirectory(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of the CA: %w", err)
	}
	if directory.Meta != nil {
		if _, offered := directory.Meta.Profiles[shortLived]; offered {
			return i.short.Issue(ctx, csr)
		}
	}
	return i.ACMEIssuer.Issue(ctx, csr)
}

// PreCheck prepares both.
func (i addressIssuer) PreCheck(ctx context.Context, names []string, interactive bool) error {
	if err := i.short.PreCheck(ctx, names, interactive); err != nil {
		return err
	}
	return i.ACMEIssuer.PreCheck(ctx, names, interactive)
}
