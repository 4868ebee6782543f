package command

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// newCertificate returns a certificate that signed itself.
func newCertificate(t *testing.T, template x509.Certificate) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}
}

// caFile returns a file with certificates.
func caFile(t *testing.T, certificates ...tls.Certificate) string {
	t.Helper()
	var all []byte
	for _, c := range certificates {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// echo runs a server that lets everybody in, over TLS unless config is nil.
func echo(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var first wire.Message
				if _, err := io.ReadFull(conn, first[:]); err == nil {
					conn.Write(first[:])
					io.Copy(io.Discard, conn)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// joins runs the client and returns what it says if it does not join; "" if it does.
func joins(t *testing.T, args ...string) string {
	t.Helper()
	p := process(append([]string{"join", "--plain"}, args...), "SOP_CHAT_KEY=key")
	p.Stdin = strings.NewReader("")
	status, _, stderr := result(t, p)
	if (status == 0) != (stderr == "") || status > 1 || strings.Count(stderr, "\n") > 1 {
		t.Errorf("%q: status %d: %s", args, status, stderr)
	}
	return strings.TrimSuffix(strings.TrimPrefix(stderr, "sop-chat: "), "\n")
}

var here = x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"chat.example.org"}}

// A certificate is trusted for the authorities of a file, or for its own SHA-256 or that
// of its public key, in any form, and for nothing else. That holds for pages too.
func TestTrust(t *testing.T) {
	good, other := newCertificate(t, here), newCertificate(t, here)
	config := &tls.Config{Certificates: []tls.Certificate{good}}
	address := echo(t, config)
	page := httptest.NewUnstartedServer(http.NotFoundHandler())
	page.TLS = config
	page.Config.ErrorLog = log.New(io.Discard, "", 0)
	page.StartTLS()
	defer page.Close()

	whole, public := sha256.Sum256(good.Leaf.Raw), sha256.Sum256(good.Leaf.RawSubjectPublicKeyInfo)
	otherPin := sha256.Sum256(other.Leaf.Raw)
	hexPin, publicPin := hex.EncodeToString(whole[:]), base64.StdEncoding.EncodeToString(public[:])
	colons := strings.TrimSuffix(fmt.Sprintf("% X", whole[:]), " ")
	for _, test := range []struct {
		flags []string
		want  string // what the client says of a server, HOST in its place
	}{
		{[]string{"--tls-ca", caFile(t, good)}, ""},
		{[]string{"--tls-ca", caFile(t, other, good)}, ""},
		{[]string{"--tls-pin", hexPin}, ""},
		{[]string{"--tls-pin", strings.ToUpper(hexPin)}, ""},
		{[]string{"--tls-pin", strings.ReplaceAll(colons, " ", ":")}, ""},
		{[]string{"--tls-pin", publicPin}, ""},
		{[]string{"--tls-pin", "sha256//" + publicPin}, ""},
		{[]string{"--tls-pin", strings.TrimRight(base64.StdEncoding.EncodeToString(whole[:]), "=")}, ""},
		{[]string{"--tls-pin", hex.EncodeToString(public[:]), "--tls"}, ""},
		{
			[]string{"--tls"},
			"the certificate of HOST is not signed by an authority that this system trusts; give its authority by --tls-ca FILE, " +
				"or trust it alone by --tls-pin " + hexPin + ", once the operator has confirmed that SHA-256",
		},
		{
			[]string{"--tls-ca", caFile(t, other)},
			"the certificate of HOST is not signed by an authority that --tls-ca FILE trusts; give its authority by --tls-ca FILE, " +
				"or trust it alone by --tls-pin " + hexPin + ", once the operator has confirmed that SHA-256",
		},
		{
			[]string{"--tls-pin", hex.EncodeToString(otherPin[:])},
			"HOST does not have the certificate of --tls-pin: the SHA-256 of its certificate is " + hexPin +
				", and that of its public key " + publicPin + "; ask the operator which is right",
		},
	} {
		want := test.want
		if test.flags[0] == "--tls-ca" {
			want = strings.Replace(want, "--tls-ca FILE", "--tls-ca "+test.flags[1], 1)
		}
		if got := joins(t, append(test.flags, address)...); got != strings.ReplaceAll(want, "HOST", address) {
			t.Errorf("%q: %s\nwant %s", test.flags, got, want)
		}
		if want == "" { // a page that is none, but whose certificate is trusted
			want = `HOST is not the page of a sop-chat server: it answers "404 Not Found", and says: "404 page not found"`
		}
		if got := joins(t, append(test.flags, page.URL)...); got != strings.ReplaceAll(want, "HOST", page.URL) {
			t.Errorf("%q of a page: %s\nwant %s", test.flags, got, want)
		}
	}
}

// What else may be wrong with TLS is said in words, over TCP and of a page alike.
func TestTLSErrors(t *testing.T) {
	expired := here
	expired.NotBefore, expired.NotAfter = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)
	elsewhere := x509.Certificate{DNSNames: []string{"chat.example.org", "b.example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}
	for _, test := range []struct {
		what     string
		template x509.Certificate
		config   *tls.Config
		want     string
	}{
		{"wrong host", elsewhere, &tls.Config{}, `the certificate of HOST is for "chat.example.org, b.example.org, 192.0.2.1" and not for "127.0.0.1"; is the address right?`},
		{"no host", x509.Certificate{}, &tls.Config{}, `the certificate of HOST is for no host and not for "127.0.0.1"; is the address right?`},
		{"expired", expired, &tls.Config{}, "a certificate of HOST is valid from 2026-01-02 to 2026-02-03 only; if the clock of this machine is right, the operator has to renew it"},
		{"client's certificate", here, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, "HOST lets in only clients with a certificate; give yours by --tls-cert and --tls-key"},
		{"client's certificate, TLS 1.2", here, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "HOST refuses the TLS handshake; it may let in only clients with a certificate, see --tls-cert"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := newCertificate(t, test.template)
			config := test.config.Clone()
			config.Certificates = []tls.Certificate{c}
			trusted := caFile(t, c)
			address := echo(t, config)
			for _, host := range []string{address, "https://" + address} {
				if got := joins(t, "--tls-ca", trusted, host); got != strings.ReplaceAll(test.want, "HOST", host) {
					t.Errorf("%s: %s\nwant %s", host, got, test.want)
				}
			}
		})
	}
}

// A server without TLS is told from a bad one.
func TestTLSWithPlainServer(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	host := strings.TrimPrefix(page.URL, "http://")
	chat, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Close()
	go func() { // the hello is a message with a wrong key
		for {
			conn, err := chat.Accept()
			if err != nil {
				return
			}
			io.ReadFull(conn, make([]byte, wire.Size))
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	pin := strings.Repeat("0", 64)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--tls", host}, host + " does not use TLS; leave out --tls"},
		{[]string{"--tls-pin", pin, host}, host + " does not use TLS; leave out --tls-pin"},
		{[]string{"https://" + host}, "https://" + host + " does not use TLS; write http://"},
		{[]string{"--tls", chat.Addr().String()}, chat.Addr().String() + " ends the connection instead of answering in TLS; if it does not use that, leave out --tls"},
	} {
		if got := joins(t, test.args...); got != test.want {
			t.Errorf("%q: %s\nwant %s", test.args, got, test.want)
		}
	}
}

// What can't be trusted is refused before anything else happens.
func TestBadTrust(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pin := strings.Repeat("0", 64)
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--tls-ca", filepath.Join(dir, "none"), "localhost:1"}, 1, "the file of --tls-ca can't be read: "},
		{[]string{"--tls-ca", empty, "localhost:1"}, 2, "--tls-ca: " + empty + " has no certificate (-----BEGIN CERTIFICATE-----)"},
		{[]string{"--tls-ca", empty, "--tls-pin", pin, "localhost:1"}, 2, "--tls-ca trusts authorities, and --tls-pin one certificate; leave one of them out"},
		{[]string{"--tls-pin", pin, "http://localhost:1"}, 2, `"http://localhost:1" is not reached over TLS; leave out --tls-pin, or use https://`},
		{[]string{"--tls-pin", pin[1:], "localhost:1"}, 2, `--tls-pin: "` + pin[1:] + `" is not a SHA-256: 64 hexadecimal digits, with or without colons, or 44 characters of base64`},
		{[]string{"--tls-pin", "any", "localhost:1"}, 2, `--tls-pin: "any" is not a SHA-256`},
	} {
		status, _, stderr := result(t, process(append([]string{"join"}, test.args...), "SOP_CHAT_KEY=key"))
		if status != test.status || !strings.HasPrefix(stderr, "sop-chat: "+test.want) {
			t.Errorf("%q: status %d: %s", test.args, status, stderr)
		}
	}
}
