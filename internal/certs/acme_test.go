package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Certificates are issued for a domain and an IP address by what the CA sees in a TLS
// handshake. The next start uses them, and asks the CA for nothing.
func TestACMEByTLS(t *testing.T) {
	p := newPebble(t, withShort)
	folder := newFolder(t)
	var log logged
	config := p.config(folder, &log, "chat.example", "127.0.0.1")
	config.TLS = true
	source := newSource(t, config)
	p.serve(source)
	if _, err := p.handshake("chat.example"); err == nil {
		t.Error("there is a certificate from the beginning")
	}
	stop := run(t, source)
	isIssued(t, source, &log)
	var first *x509.Certificate
	for _, name := range config.Names {
		cert, err := p.handshake(name)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, &log)
		}
		if first == nil || cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	if !source.NotAfter().Equal(first.NotAfter) {
		t.Errorf("the first expires on %s, want %s", source.NotAfter(), first.NotAfter)
	}
	if got, want := p.ordered(), []string{"127.0.0.1:shortlived", "chat.example:"}; !slices.Equal(got, want) {
		t.Errorf("what is ordered is %q, want %q", got, want)
	}
	if !contains(log.String(), "a certificate is requested; TLS connections fail until it is there", "a certificate was issued", "name=chat.example", "name=127.0.0.1") {
		t.Errorf("the log does not say what happens:\n%s", &log)
	}
	if log.count("level=WARN")+log.count("level=ERROR") > 0 {
		t.Errorf("something went wrong:\n%s", &log)
	}

	stop()
	config.Logger = (&logged{}).logger(slog.LevelInfo)
	again := newSource(t, config)
	if found := again.NotAfter(); !found.Equal(first.NotAfter) {
		t.Errorf("the next start has certificates until %s, want %s", found, first.NotAfter)
	}
	stop = run(t, again)
	again.cache.RenewManagedCertificates(t.Context()) // a look, to its end
	stop()
	if got := len(p.ordered()); got != 2 {
		t.Errorf("the next start orders: %q", p.ordered())
	}
}

// Certificates are issued for a domain and an IP address by what the CA reads over
// HTTP, where nothing else is found.
func TestACMEByHTTP(t *testing.T) {
	p := newPebble(t, withoutShort)
	var log logged
	config := p.config(newFolder(t), &log, "chat.example", "127.0.0.1")
	config.HTTP = p.http
	source := newSource(t, config)
	p.serve(source)
	run(t, source)
	isIssued(t, source, &log)
	for _, name := range config.Names {
		if _, err := p.handshake(name); err != nil {
			t.Errorf("%s: %v\n%s", name, err, &log)
		}
	}
	if got, want := p.ordered(), []string{"127.0.0.1:", "chat.example:"}; !slices.Equal(got, want) {
		t.Errorf("what is ordered is %q, want %q", got, want)
	}
	// An answer that is in the folder, of another process, is not looked for.
	planted := filepath.Join(config.Folder, "acme", certmagic.StorageKeys.Safe(source.issuer.IssuerKey()), "challenge_tokens", "planted.example.json")
	if err := os.MkdirAll(filepath.Dir(planted), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, planted, []byte(`{"type":"http-01","token":"guess","keyAuthorization":"guess.x","identifier":{"type":"dns","value":"planted.example"}}`))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testTimeout}
	for _, path := range []string{"/", "/.well-known/acme-challenge/guess", "/.well-known/acme-challenge/../../accounts"} {
		request, err := http.NewRequest(http.MethodGet, "http://"+p.http.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "planted.example"
		resp, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "nothing here") {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
	}
}

// If a CA can be answered in both ways, one that does not work is made up for by the
// other, without a word.
func TestACMEOtherWay(t *testing.T) {
	for name, breaks := range map[string]func(*pebble, *ACMEConfig){
		"port 80 leads elsewhere": func(p *pebble, c *ACMEConfig) {
			c.HTTP = listen(t)
			p.http.Close()
		},
		"port 443 leads elsewhere": func(p *pebble, c *ACMEConfig) { p.tls.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPebble(t, withShort)
			var log logged
			config := p.config(newFolder(t), &log, "chat.example")
			config.TLS, config.HTTP = true, p.http
			breaks(p, &config)
			source := newSource(t, config)
			p.serve(source)
			run(t, source)
			isIssued(t, source, &log)
			if log.count("level=WARN")+log.count("level=ERROR") > 0 {
				t.Errorf("something went wrong:\n%s", &log)
			}
		})
	}
}

// What the CA refuses is logged in its words, with what is missing and when it is tried
// again.
func TestACMERefused(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*pebble, *ACMEConfig)
		want    []string
	}{
		"a name": {
			func(p *pebble, c *ACMEConfig) {
				c.TLS = true
				p.store.AddBlockedDomain("chat.example")
			},
			[]string{"issuance is forbidden by policy", "(rejectedIdentifier)"},
		},
		"a port": {
			func(p *pebble, c *ACMEConfig) {
				c.HTTP = listen(p.t) // which is not where the CA connects
				p.http.Close()
			},
			[]string{"connection refused", "(connection)", `advice="port 80 of chat.example must reach this server from the internet"`},
		},
		"too many": {
			func(p *pebble, c *ACMEConfig) {
				c.TLS = true
				p.refusing.Store(true)
			},
			[]string{"too many certificates (rateLimited)", "ever more rarely"},
		},
		"not there": {
			func(p *pebble, c *ACMEConfig) {
				c.TLS = true
				p.server.Close()
			},
			[]string{"the CA can't be reached: ", "connection refused"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPebble(t, withShort)
			var log logged
			config := p.config(newFolder(t), &log, "chat.example")
			test.prepare(p, &config)
			source := newSource(t, config)
			stop := run(t, source)
			waitUntil(t, "the next attempt is announced", func() bool { return log.count("the CA is asked again later") > 0 })
			want := append(test.want, "no certificate was issued", "name=chat.example", "ca=127.0.0.1:", "retrying_in=1m0s")
			if !contains(log.String(), want...) {
				t.Errorf("logged\n%s\nwant %q", &log, want)
			}
			if got := log.count("level=ERROR") + log.count("level=WARN"); got != 1 {
				t.Errorf("%d errors and warnings are logged for one:\n%s", got, &log)
			}
			stop()
			if got := log.count("level=ERROR"); got != 1 {
				t.Errorf("the end is logged as an error:\n%s", &log)
			}
		})
	}
}

// A certificate is renewed before it expires, without a gap.
func TestACMERenewal(t *testing.T) {
	p := newPebble(t, withoutShort)
	var log logged
	// A renewal that was given up keeps others of the name from being tried for a minute,
	// also in the next run of this test.
	name := fmt.Sprintf("chat-%d.example", time.Now().UnixNano())
	config := p.config(newFolder(t), &log, name)
	config.TLS = true
	config.renewCheck, config.renewShare = 100*time.Millisecond, 1
	source := newSource(t, config)
	p.serve(source)
	run(t, source)
	isIssued(t, source, &log)
	first := source.leaf(name)
	waitUntil(t, "another certificate is shown", func() bool {
		cert, err := p.handshake(name)
		if err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
		return !sameCert(cert, first)
	})
	if log.count("the certificate was renewed") == 0 {
		t.Errorf("the log does not say it:\n%s", &log)
	}
}

// A folder in which nothing can be kept, or that has something else, is an error at
// once.
func TestACMEFolder(t *testing.T) {
	p := newPebble(t, withShort)
	var log logged
	file := t.TempDir() + "/file"
	write(t, file, nil)
	if _, err := ACME(p.config(file, &log, "chat.example")); err == nil || !contains(err.Error(), "the folder for certificates", file) {
		t.Errorf("a file: %v", err)
	}

	folder := newFolder(t)
	config := p.config(folder, &log, "chat.example")
	config.TLS = true
	source := newSource(t, config)
	p.serve(source)
	stop := run(t, source)
	isIssued(t, source, &log)
	stop()
	stored, err := filepath.Glob(folder + "/certificates/*/chat.example/chat.example.crt")
	if err != nil || len(stored) != 1 {
		t.Fatalf("%q are stored: %v", stored, err)
	}
	write(t, stored[0], []byte("garbled"))
	if _, err := ACME(config); err == nil || !contains(err.Error(), "chat.example", folder, "can't be used") {
		t.Errorf("a garbled certificate: %v", err)
	}
}

// A client is answered as its configuration says, whatever it offers; only the CA's
// question is not of the chat.
func TestConfigure(t *testing.T) {
	base := &tls.Config{NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequireAnyClientCert}
	source := &ACMESource{}
	config := Configure(base, source)
	for _, test := range []struct {
		protocols   []string
		isChallenge bool
	}{{nil, false}, {[]string{"http/1.1"}, false}, {[]string{ChallengeProtocol, "http/1.1"}, false}, {[]string{ChallengeProtocol}, true}} {
		hello := &tls.ClientHelloInfo{ServerName: "chat.example", SupportedProtos: test.protocols}
		other, err := config.GetConfigForClient(hello)
		if err != nil || (other != nil) != test.isChallenge {
			t.Errorf("%q: %v, %v", test.protocols, other, err)
		}
	}
	hello := &tls.ClientHelloInfo{ServerName: "chat.example", SupportedProtos: []string{ChallengeProtocol}}
	if cert, err := source.GetCertificate(hello); cert != nil || err != errNoChallenge {
		t.Errorf("a question that no CA was asked for: %v, %v", cert, err)
	}
	if base.GetCertificate != nil || base.GetConfigForClient != nil {
		t.Error("the configuration itself was changed")
	}

	fixed := &tls.Config{}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return fixed, nil }
	if got, _ := Configure(base, source).GetConfigForClient(&tls.ClientHelloInfo{}); got != fixed {
		t.Error("the configuration's own choice is lost")
	}
}
