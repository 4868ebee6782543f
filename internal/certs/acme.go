package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// LetsEncrypt is the directory of the CA that is asked if the configuration names none.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

const (
	expiryEvery = time.Hour   // how often it is looked whether a certificate is near its end
	endTimeout  = time.Second // how long Run waits in the end for a request to the CA
)

// An ACMEConfig says for what certificates are issued, by whom, and how a CA sees that a
// name belongs to this server: over HTTP, by TLS, or by either.
type ACMEConfig struct {
	Names  []string       // as ParseName returns them; each gets a certificate of its own
	Folder string         // where certificates, their keys and the account are kept
	CA     string         // the URL of its directory; empty is Let's Encrypt
	Email  string         // by which the CA reaches the operator; may be empty
	Roots  *x509.CertPool // that the CA's own certificate is checked with; nil for the system's
	HTTP   net.Listener   // to which port 80 of the names leads; nil if it does not. Run closes it
	TLS    bool           // port 443 of the names leads to the handshakes of this server
	Logger *slog.Logger

	// For tests; 0 is what certmagic does.
	renewCheck time.Duration // how often it is looked whether to renew
	renewShare float64       // the part of the validity, at its end, in which to renew
}

// An ACMESource has certificates that a CA issues by ACME. Those that were issued before
// are in force at once. While Run runs, it gets the others and renews all of them;
// certmagic does the work.
type ACMESource struct {
	names  []string
	ca     string
	http   net.Listener
	tls    bool
	logger *slog.Logger

	cache     *certmagic.Cache
	domains   *certmagic.Config
	addresses *certmagic.Config
	issuer    *certmagic.ACMEIssuer
	client    *http.Client
	unused    *placeholder
	ending    atomic.Bool
}

var _ Source = (*ACMESource)(nil)

// ACME returns a source of certificates that a CA issues. It connects to nobody until Run
// is called, which has to be called.
func ACME(c ACMEConfig) (_ *ACMESource, err error) {
	if err := prepare(c.Folder); err != nil {
		return nil, err
	}
	if c.CA == "" {
		c.CA = LetsEncrypt
	}
	s := &ACMESource{names: c.Names, ca: c.CA, http: c.HTTP, tls: c.TLS, logger: c.Logger}
	if s.unused, err = newPlaceholder(); err != nil {
		return nil, err
	}
	s.configure(c)
	for _, name := range s.names {
		switch cert, err := s.config(name).CacheManagedCertificate(context.Background(), name); {
		case err == nil:
			s.logger.Info("the certificate was read", "name", name, "until", cert.Leaf.NotAfter, "folder", c.Folder)
		case !errors.Is(err, fs.ErrNotExist):
			s.close()
			return nil, fmt.Errorf("the certificate of %s in %s can't be used: %w", name, c.Folder, err)
		}
	}
	return s, nil
}

// prepare makes a folder for what nobody else may read.
func prepare(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the folder for certificates: %w", err)
	}
	file, err := os.CreateTemp(folder, "test-*")
	if err != nil {
		return fmt.Errorf("nothing can be written to the folder for certificates: %w", err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// configure sets up certmagic.
func (s *ACMESource) configure(c ACMEConfig) {
	logger := newZap(c.Logger, &s.ending)
	s.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(cert certmagic.Certificate) (*certmagic.Config, error) { return s.config(cert.Names[0]), nil },
		RenewCheckInterval: c.renewCheck,
		Logger:             logger,
	})
	s.domains, s.addresses = s.newConfig(c, logger), s.newConfig(c, logger)
	template := certmagic.ACMEIssuer{
		CA:                      c.CA,
		Email:                   c.Email,
		Agreed:                  true,
		TrustedRoots:            c.Roots,
		DisableHTTPChallenge:    c.HTTP == nil,
		DisableTLSALPNChallenge: !c.TLS,
		ListenHost:              "127.0.0.1",
		AltHTTPPort:             s.unused.port(),
		AltTLSALPNPort:          s.unused.port(),
		Logger:                  logger,
	}
	s.issuer = certmagic.NewACMEIssuer(s.domains, template)
	s.domains.Issuers = []certmagic.Issuer{s.issuer}

	plain := certmagic.NewACMEIssuer(s.addresses, template)
	template.Profile = shortLived
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: c.Roots}
	s.client = &http.Client{Transport: transport, Timeout: certmagic.HTTPTimeout}
	s.addresses.Issuers = []certmagic.Issuer{addressIssuer{plain, certmagic.NewACMEIssuer(s.addresses, template), s.client}}
}

func (s *ACMESource) newConfig(c ACMEConfig, logger *zap.Logger) *certmagic.Config {
	return certmagic.New(s.cache, certmagic.Config{
		OnEvent:            s.hear,
		RenewalWindowRatio: c.renewShare,
		// Clients that join by an address send no name, and others may know this
		// server by a name of which the CA does not.
		DefaultServerName:  c.Names[0],
		FallbackServerName: c.Names[0],
		Storage:            &certmagic.FileStorage{Path: c.Folder},
		OCSP:               certmagic.OCSPConfig{DisableStapling: true}, // Let's Encrypt has none any more
		Logger:             logger,
	})
}

// config returns how the certificate of a name is issued.
func (s *ACMESource) config(name string) *certmagic.Config {
	if certmagic.SubjectIsIP(name) {
		return s.addresses
	}
	return s.domains
}

// Run gets the certificates and renews them until ctx is done.
func (s *ACMESource) Run(ctx context.Context) {
	defer s.close()
	if ctx.Err() != nil {
		return // and nothing has begun
	}
	end := ctx.Done()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // after ending is set
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	if s.http != nil {
		running.Go(func() { s.serveChallenges(ctx) })
	}
	running.Go(func() { s.cache.RenewManagedCertificates(ctx) }) // it logs errors by itself
	for _, name := range s.names {
		if s.leaf(name) == nil {
			s.logger.Info("a certificate is requested; TLS connections fail until it is there",
				"name", name, "ca", host(s.ca), "needs", s.ports())
		}
		s.config(name).ManageAsync(ctx, []string{name}) // which returns no error
	}
	ticker := time.NewTicker(expiryEvery)
	defer ticker.Stop()
	expires := make([]expiry, len(s.names))
	for {
		for i, name := range s.names {
			if leaf := s.leaf(name); leaf != nil {
				expires[i].warn(leaf, time.Now(), s.logger)
			}
		}
		select {
		case <-ticker.C:
		case <-end:
			s.ending.Store(true)
			return
		}
	}
}

// close ends what certmagic does. It waits for a short time alone: a CA that does not
// answer must not keep the server from ending.
func (s *ACMESource) close() {
	s.ending.Store(true)
	if s.http != nil {
		s.http.Close()
	}
	ended := make(chan struct{})
	go func() {
		s.cache.Stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endTimeout):
	}
	certmagic.CleanUpOwnLocks(context.Background(), zap.NewNop())
	s.client.CloseIdleConnections()
	s.unused.close()
}

var (
	errNoChallenge   = errors.New("no certificate authority was asked to connect for this name")
	errNoCertificate = errors.New("no certificate has been issued yet")
)

// GetCertificate returns the certificate for the name that a client asks for, or else
// that of the first name. While there is none, it returns an error. It also answers a CA.
func (s *ACMESource) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if isChallenge(hello) {
		// certmagic alone would look into its folder for whatever somebody asks.
		if _, open := certmagic.GetACMEChallenge(hello.ServerName); !open {
			return nil, errNoChallenge
		}
	}
	cert, err := s.domains.GetCertificate(hello)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	return cert, nil
}

// Names returns the domains and addresses that certificates are for.
func (s *ACMESource) Names() []string { return slices.Clone(s.names) }

// NotAfter returns when the first of the certificates expires; the zero time while one
// is missing.
func (s *ACMESource) NotAfter() (first time.Time) {
	for _, name := range s.names {
		leaf := s.leaf(name)
		if leaf == nil {
			return time.Time{}
		}
		if first.IsZero() || leaf.NotAfter.Before(first) {
			first = leaf.NotAfter
		}
	}
	return first
}

// Reload does nothing: certificates are renewed when it is time.
func (s *ACMESource) Reload() error { return nil }

// leaf returns the certificate of a name that is valid for the longest time, or nil.
func (s *ACMESource) leaf(name string) (found *x509.Certificate) {
	for _, cert := range s.cache.AllMatchingCertificates(name) {
		if leaf := cert.Leaf; found == nil || leaf.NotAfter.After(found.NotAfter) {
			found = leaf
		}
	}
	return found
}

// hear logs what happens to certificates.
func (s *ACMESource) hear(_ context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	switch event {
	case "cert_obtained":
		what := "a certificate was issued"
		if renewal, _ := data["renewal"].(bool); renewal {
			what = "the certificate was renewed"
		}
		s.logger.Info(what, "name", name, "ca", host(s.ca))
	case "cert_failed":
		err, _ := data["error"].(error)
		if err == nil || s.ending.Load() {
			break
		}
		attrs := []any{"name", name, "ca", host(s.ca), "error", reason(err)}
		if advice := s.advice(name, err); advice != "" {
			attrs = append(attrs, "advice", advice)
		}
		s.logger.Error("no certificate was issued", attrs...)
	}
	return nil
}

// host returns the host of a CA's directory.
func host(ca string) string {
	if u, err := url.Parse(ca); err == nil && u.Host != "" {
		return u.Host
	}
	return ca
}
