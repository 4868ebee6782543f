package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"sop-chat/client"
	"sop-chat/internal/wire"
)

// certificate returns a self-signed certificate for 127.0.0.1.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// Over TLS everything works the same, including contexts and the end.
func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := serve(tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}}), "key")
	t.Cleanup(r.stop)
	trusting := client.WithTLS(&tls.Config{RootCAs: pool})
	a, b := join(t, r.addr(), "alice", trusting), join(t, r.addr(), "bob", trusting)
	for _, err := range a.Receive(canceledSoon(t)) {
		if err == nil {
			t.Error("there was nothing to receive")
		}
	}
	send(t, b, "hello")
	expect(t, a, "bob", "hello")
	send(t, a, "last")
	if err := a.Finish(within(t)); err != nil {
		t.Errorf("Finish: %v", err)
	}
	expect(t, b, "alice", "last")

	if _, err := client.Dial(within(t), r.addr(), "eve", "key", client.WithTLS(nil)); err == nil {
		t.Error("a certificate was trusted that nobody vouches for")
	}
	var unknown x509.UnknownAuthorityError
	if _, err := client.Dial(within(t), r.addr(), "eve", "key", client.WithTLS(nil)); !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
}

// A supplied connection is used, and closed in the end. One without CloseWrite is
// closed at once by Finish.
func TestWithConn(t *testing.T) {
	here, there := net.Pipe()
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, wire.Size)
		io.ReadFull(there, b)
		there.Write(b)
		all, _ := io.ReadAll(there)
		got <- all
	}()
	c, err := client.Dial(within(t), "a pipe", "alice", "key", client.WithConn(here))
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, "hello")
	if err := c.Finish(within(t)); err != nil {
		t.Errorf("Finish: %v", err)
	}
	want, _ := wire.New("alice", "hello")
	if all := <-got; !bytes.Equal(all, want[:]) {
		t.Errorf("%d bytes arrived", len(all))
	}
}

// A pieces is a connection that is read in pieces of any size.
type pieces struct {
	net.Conn
	r io.Reader
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b) }

// However the bytes are cut, they are the same messages, and an incomplete one is
// an error.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("x"), uint8(1))
	m, _ := wire.New("bob", "hello")
	f.Add(append(m[:], m[:300]...), uint8(7))
	f.Add(bytes.Repeat(m[:], 70), uint8(255))
	f.Fuzz(func(t *testing.T, sent []byte, piece uint8) {
		echo, _ := wire.New("alice", "key")
		whole := bytes.NewReader(append(echo[:], sent...))
		var r io.Reader = iotest.DataErrReader(&inPieces{whole, 1 + int(piece)})
		here, there := net.Pipe()
		defer there.Close()
		go io.Copy(io.Discard, there)
		c, err := client.Dial(within(t), "", "alice", "key", client.WithConn(pieces{here, r}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		n := 0
		for got, err := range c.Receive(within(t)) {
			if err != nil {
				rest := len(sent) % wire.Size
				if closed, ok := errors.AsType[*client.ClosedError](err); !ok || (rest > 0) != errors.Is(closed, io.ErrUnexpectedEOF) {
					t.Fatalf("with a rest of %d the end is: %v", rest, err)
				}
				break
			}
			want := wire.Message(sent[n*wire.Size:])
			if got.Name != string(want.Name()) || got.Text != string(want.Text()) {
				t.Fatalf("message %d is %q %q", n, got.Name, got.Text)
			}
			n++
		}
		if n != len(sent)/wire.Size {
			t.Fatalf("%d messages of %d bytes", n, len(sent))
		}
	})
}

type inPieces struct {
	r    io.Reader
	most int
}

func (p *inPieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.most)]) }
