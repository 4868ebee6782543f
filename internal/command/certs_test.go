package command

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"sop-chat/internal/certs"
)

// readCertOptions reads the options about certificates alone.
func readCertOptions(args ...string) (*certOptions, error) {
	var c certOptions
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.defineFlags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return &c, c.check()
}

// Options about certificates that fit together are accepted.
func TestCertOptions(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--tls-cert", "cert.pem", "--tls-key", "key.pem"},
		{"--acme", "Chat.Example.com, 203.0.113.7,chat.example.com"},
		{"--acme", "chat.example.com", "--acme-email", "me@example.com", "--acme-dir", "/tmp", "--acme-http", "off"},
		{"--acme", "chat.lan,192.168.1.5", "--acme-ca", "https://ca.lan/acme/directory", "--acme-http", "[::1]:8081"},
	} {
		c, err := readCertOptions(args...)
		if err != nil {
			t.Errorf("%q: %v", args, err)
		} else if c.areSet() != (len(args) > 0) {
			t.Errorf("%q: set is %v", args, c.areSet())
		}
	}
	c, err := readCertOptions("--acme", "Chat.Example.com, 203.0.113.7,chat.example.com")
	if err != nil || fmt.Sprint(c.names) != "[chat.example.com 203.0.113.7]" {
		t.Errorf("the names are %q, %v", c.names, err)
	}
}

// Wrong ones say what is wrong, with the value.
func TestCertOptionsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"--tls-cert needs the private key":                               {"--tls-cert", "cert.pem"},
		"--tls-key needs the certificate":                                {"--tls-key", "key.pem"},
		"--acme gets a certificate, and --tls-cert has one":              {"--tls-cert", "a", "--tls-key", "b", "--acme", "chat.example.com"},
		"--acme-http is about certificates of --acme":                    {"--acme-http", "off"},
		"--acme-email is about certificates of --acme":                   {"--acme-email", "me@example.com"},
		"--acme-ca is about certificates of --acme":                      {"--acme-ca", "https://ca.lan/dir"},
		"--acme-ca-root is about certificates of --acme":                 {"--acme-ca-root", "root.pem"},
		"--acme-dir is about certificates of --acme":                     {"--tls-cert", "a", "--tls-key", "b", "--acme-dir", "c"},
		`"https://chat.example.com" is a URL`:                            {"--acme", "https://chat.example.com"},
		`"*.example.com" has a wildcard`:                                 {"--acme", "*.example.com"},
		`"chat.example.com:443" has a port at its end`:                   {"--acme", "chat.example.com:443"},
		`--acme: "chat" is a name in private networks`:                   {"--acme", "chat"},
		`--acme: "10.0.0.1" is an address in private networks`:           {"--acme", "chat.example.com,10.0.0.1"},
		`"me" is not an e-mail address, such as me@example.com`:          {"--acme", "chat.example.com", "--acme-email", "me"},
		`"Me <me@example.com>" is not an e-mail address`:                 {"--acme", "chat.example.com", "--acme-email", "Me <me@example.com>"},
		`"staging" is not the https URL of a CA's directory`:             {"--acme", "chat.example.com", "--acme-ca", "staging"},
		`"http://ca.lan/dir" is not the https URL of a CA's`:             {"--acme", "chat.example.com", "--acme-ca", "http://ca.lan/dir"},
		`"80" is not an address with a port, such as :80 or 127.0.0.1:8`: {"--acme", "chat.example.com", "--acme-http", "80"},
	} {
		if _, err := readCertOptions(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

// Where a CA is answered follows from the ports that there are; if it can't be anywhere,
// the error says what to do.
func TestChallenges(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	free.Close()
	at := func(l net.Listener, auto bool) acmeHTTP {
		return acmeHTTP{webAddress{"127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)}, auto}
	}
	for name, test := range map[string]struct {
		http          acmeHTTP
		tlsPorts      []uint16
		byHTTP, byTLS bool
		err           string
	}{
		"both":                 {http: at(free, true), tlsPorts: []uint16{9443, 443}, byHTTP: true, byTLS: true},
		"HTTP alone":           {http: at(free, false), tlsPorts: []uint16{9443}, byHTTP: true},
		"80 taken, 443 there":  {http: at(used, true), tlsPorts: []uint16{443}, byTLS: true},
		"off":                  {tlsPorts: []uint16{9443}, byTLS: true},
		"neither":              {http: at(used, true), tlsPorts: []uint16{9443}, err: "--acme: a CA connects to port 443 or 80 of chat.example.com"},
		"what is said is used": {http: at(used, false), tlsPorts: []uint16{443}, err: "--acme-http: port "},
	} {
		t.Run(name, func(t *testing.T) {
			c := certOptions{names: []string{"chat.example.com"}, http: test.http}
			l, byTLS, err := c.challenges(t.Context(), test.tlsPorts, listenHTTP, slog.New(slog.DiscardHandler))
			if l != nil {
				defer l.Close()
			}
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) || !strings.Contains(err.Error(), "is already in use on 127.0.0.1") {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil || (l != nil) != test.byHTTP || byTLS != test.byTLS {
				t.Errorf("over HTTP: %v, by TLS: %v, %v", l != nil, byTLS, err)
			}
		})
	}
}

// Certificates are kept in the folder of the service, or of the user.
func TestACMEFolder(t *testing.T) {
	for want, environment := range map[string][]string{
		"/var/lib/chat/acme":                  {"STATE_DIRECTORY=/var/lib/chat:/var/lib/more", "HOME=/root"},
		"/data/sop-chat/acme":                 {"XDG_DATA_HOME=/data", "HOME=/root"},
		"/home/me/.local/share/sop-chat/acme": {"HOME=/home/me"},
	} {
		c := certOptions{folder: "auto"}
		if got, err := c.acmeFolder(process(nil, environment...)); err != nil || filepath.ToSlash(got) != want {
			t.Errorf("with %q: %q, %v", environment, got, err)
		}
	}
	c := certOptions{folder: "auto"}
	if got, err := c.acmeFolder(process(nil)); err == nil || !strings.Contains(err.Error(), "--acme-dir says where else") {
		t.Errorf("with no home: %q, %v", got, err)
	}
	c.folder = "here"
	if got, err := c.acmeFolder(process(nil)); err != nil || got != "here" {
		t.Errorf("where the flag says: %q, %v", got, err)
	}
}

// The options lead to the source that they name.
func TestOpenCertificates(t *testing.T) {
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	writeCertificate(t, cert, key)
	var log bytes.Buffer
	open := func(args ...string) (certSource, error) {
		c, err := readCertOptions(args...)
		if err != nil {
			t.Fatal(err)
		}
		return c.open(t.Context(), nil, listenHTTP, process(nil), slog.New(slog.NewTextHandler(&log, nil)))
	}
	if source, err := open(); source != nil || err != nil {
		t.Errorf("without options: %v, %v", source, err)
	}
	source, err := open("--tls-cert", cert, "--tls-key", key)
	if err != nil || source.NotAfter().Before(time.Now()) {
		t.Errorf("from files: %v, %v", source, err)
	}
	if !strings.Contains(log.String(), "the certificate was read") {
		t.Errorf("logged: %s", &log)
	}
	if _, err := open("--tls-cert", key, "--tls-key", cert); err == nil || !strings.Contains(err.Error(), "--tls-cert and --tls-key: ") {
		t.Errorf("exchanged: %v", err)
	}
	if _, err := open("--acme", "chat.example.com", "--acme-http", "off", "--acme-ca-root", key, "--acme-dir", folder); err == nil || !strings.Contains(err.Error(), "has no certificate in PEM") {
		t.Errorf("a key as a root: %v", err)
	}
	if _, err := open("--acme", "chat.example.com", "--acme-http", "off", "--acme-dir", cert); err == nil || !strings.Contains(err.Error(), "--acme: the folder for certificates") {
		t.Errorf("a file as a folder: %v", err)
	}
	source, err = open("--acme", "chat.example.com", "--acme-http", "off", "--acme-ca", "https://127.0.0.1:1/dir", "--acme-dir", folder)
	if _, is := source.(*certs.ACMESource); err != nil || !is {
		t.Fatalf("from a CA: %v, %v", source, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	source.Run(ctx)
}

// writeCertificate writes a certificate that signs itself, and its key.
func writeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"chat.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
