package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// A pebble is a CA in this process. It resolves every domain to 127.0.0.1, and connects
// to the ports of the test in the place of 80 and 443.
type pebble struct {
	t        testing.TB
	server   *httptest.Server
	store    *db.MemoryStore
	issuer   *ca.CAImpl
	http     net.Listener // for ACMEConfig
	tls      net.Listener
	refusing atomic.Bool // the CA says that it has had too many requests

	mu     sync.Mutex
	orders []order
}

// An order is what was ordered.
type order struct {
	Identifiers []struct{ Value string }
	Profile     string
}

// newPebble starts a CA with some profiles. It takes any of them if an order names none.
func newPebble(t testing.TB, profiles map[string]ca.Profile) *pebble {
	t.Helper()
	setenv(t, "PEBBLE_VA_NOSLEEP", "1")
	setenv(t, "PEBBLE_WFE_NONCEREJECT", "0")
	p := &pebble{t: t, store: db.NewMemoryStore(), http: listen(t), tls: listen(t)}
	quiet := log.New(io.Discard, "", 0)
	p.issuer = ca.New(quiet, p.store, "", "ecdsa", 0, 1, profiles)
	validation := va.New(quiet, port(p.http), port(p.tls), false, resolver(t), p.store)
	front := wfe.New(quiet, p.store, validation, p.issuer, []string{"pebble.test"}, false, false, 0, 0)
	handler := front.Handler()
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			p.note(r)
			if p.refusing.Load() {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusTooManyRequests)
				io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates"}`)
				return
			}
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

var (
	withShort    = map[string]ca.Profile{"default": {Description: "as usual"}, shortLived: {Description: "for addresses"}}
	withoutShort = map[string]ca.Profile{"default": {Description: "as usual"}}
)

// note remembers what a request orders.
func (p *pebble) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var signed struct{ Payload string }
	var o order
	if err := json.Unmarshal(body, &signed); err != nil {
		p.t.Error(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err := errors.Join(err, json.Unmarshal(payload, &o)); err != nil {
		p.t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orders = append(p.orders, o)
}

// ordered returns what was ordered, as name:profile, sorted.
func (p *pebble) ordered() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.orders {
		for _, identifier := range o.Identifiers {
			all = append(all, identifier.Value+":"+o.Profile)
		}
	}
	slices.Sort(all)
	return all
}

func setenv(t testing.TB, name, value string) {
	t.Helper()
	t.(interface{ Setenv(string, string) }).Setenv(name, value)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// resolver serves DNS, over TCP as Pebble asks for it, and returns its address.
func resolver(t testing.TB) string {
	t.Helper()
	l := listen(t)
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		answer := new(dns.Msg).SetReply(m)
		if q := m.Question[0]; q.Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		w.WriteMsg(answer)
	})}
	var serving sync.WaitGroup
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	serving.Go(func() { server.ActivateAndServe() })
	<-started
	t.Cleanup(func() {
		server.Shutdown()
		serving.Wait()
	})
	return l.Addr().String()
}

// newFolder returns a folder. What certmagic has begun when Run ends may still write to
// it for a moment.
func newFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "certs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		waitUntil(t, "the folder is removed", func() bool { return os.RemoveAll(folder) == nil })
	})
	return folder
}

// config returns the configuration of a source of this CA.
func (p *pebble) config(folder string, log *logged, names ...string) ACMEConfig {
	roots := x509.NewCertPool()
	roots.AddCert(p.server.Certificate())
	return ACMEConfig{
		Names:  names,
		Folder: folder,
		CA:     p.server.URL + "/dir",
		Email:  "operator@chat.example",
		Roots:  roots,
		Logger: log.logger(slog.LevelInfo),
	}
}

// serve answers TLS handshakes of the test and of the CA. Clients have to have a
// certificate, which the CA has not.
func (p *pebble) serve(source Source) {
	config := Configure(&tls.Config{ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"http/1.1"}}, source)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := p.tls.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(testTimeout))
				tls.Server(conn, config).Handshake()
			})
		}
	})
	p.t.Cleanup(func() {
		p.tls.Close()
		serving.Wait()
	})
}

// handshake returns the certificate that a client is shown for a name, if it is one of
// this CA.
func (p *pebble) handshake(name string) (*x509.Certificate, error) {
	roots := x509.NewCertPool()
	roots.AddCert(p.issuer.GetRootCert(0).Cert)
	conn, err := tls.Dial("tcp", p.tls.Addr().String(), &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// run runs a source until the returned function is called, or the test ends.
func run(t testing.TB, source *ACMESource) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { source.Run(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// source returns a source of a configuration.
func newSource(t testing.TB, c ACMEConfig) *ACMESource {
	t.Helper()
	source, err := ACME(c)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// isIssued waits until all names have certificates.
func isIssued(t testing.TB, source *ACMESource, log *logged) {
	t.Helper()
	waitUntil(t, "certificates are issued", func() bool {
		if log.count("no certificate was issued") > 0 {
			t.Fatalf("refused:\n%s", log)
		}
		return !source.NotAfter().IsZero()
	})
}

func sameCert(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) }

func contains(text string, all ...string) bool {
	for _, part := range all {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
