package command

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that demands a certificate is shown that of --tls-cert, over TCP and as a page's
// alike.
func TestClientCertificate(t *testing.T) {
	own, trusted := newCertificate(t, here), newCertificate(t, here)
	pool := x509.NewCertPool()
	pool.AddCert(trusted.Leaf)
	address := echo(t, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	ca := caFile(t, own)
	if got := joins(t, append([]string{"--tls-ca", ca, address}, identity(t, trusted)...)...); got != "" {
		t.Errorf("with the right certificate: %s", got)
	}
	for _, host := range []string{address, "https://" + address} {
		want := host + " does not trust the authority of the certificate of --tls-cert"
		if got := joins(t, append([]string{"--tls-ca", ca, host}, identity(t, own)...)...); got != want {
			t.Errorf("with another: %s\nwant %s", got, want)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--tls-cert", "c.pem", "localhost:1"}, "--tls-cert needs the private key, too: --tls-key FILE"},
		{[]string{"--tls-key", "k.pem", "localhost:1"}, "--tls-key needs the certificate, too: --tls-cert FILE"},
		{[]string{"--tls-cert", "none.pem", "--tls-key", "none.pem", "localhost:1"}, "the certificate of --tls-cert and --tls-key can't be used: open none.pem"},
		{[]string{"--tls-cert", "c.pem", "--tls-key", "k.pem", "http://localhost:1"}, `"http://localhost:1" is not reached over TLS; leave out --tls-cert, or use https://`},
	} {
		if _, _, stderr := result(t, process(append([]string{"join"}, test.args...), "SOP_CHAT_KEY=key")); !strings.Contains(stderr, test.want) {
			t.Errorf("%q: %s\nwant %s", test.args, stderr, test.want)
		}
	}
}

// identity returns the flags for a client's certificate.
func identity(t *testing.T, c tls.Certificate) []string {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--tls-cert", caFile(t, c), "--tls-key", file}
}
