package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tlsProxy puts TLS in front of a server, and returns its address and a file
// with its certificate.
func tlsProxy(t testing.TB, srv *server) (address, file string) {
	t.Helper()
	certificate, private := newCertificate(t)
	pair, err := tls.X509KeyPair(certificate, private)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go pass(conn.(*tls.Conn), srv.address())
		}
	}()
	return l.Addr().String(), file
}

// newCertificate returns a certificate for the host 127.0.0.1 that signed itself, and its
// key, in PEM.
func newCertificate(t testing.TB) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// pass forwards both directions, and the end of each.
func pass(conn *tls.Conn, to string) {
	defer conn.Close()
	c, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer c.Close()
	go func() {
		io.Copy(c, conn)
		c.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, c)
}

// Over TLS everything works the same. An untrusted certificate is refused with an
// explanation.
func TestJoinTLS(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	address, file := tlsProxy(t, srv)
	startJoinAt(t, address, "--tls").ends(1, "certificate")

	t.Run("trusted", func(t *testing.T) {
		alice := startJoinWith(t, []string{"SSL_CERT_FILE=" + file}, address, "--tls")
		io.WriteString(alice.in, "hello\n")
		alice.in.Close()
		bob.expect(message("alice", "hello"))
		alice.ends(0, "")
	})
}
