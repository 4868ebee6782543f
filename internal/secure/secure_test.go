//go:build linux

package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sop-chat/internal/chattest"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	own := a.issue(t, "authority")
	a.certificate, a.key = own.Leaf, own.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.certificate)
	return a
}

// issue returns a certificate for a name and 127.0.0.1. An authority's first one is its
// own.
func (a *authority) issue(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  a.certificate == nil,
	}
	parent, signer := template, key
	if a.certificate != nil {
		parent, signer = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// A port is a terminator with a listener.
type port struct {
	*Terminator
	t        testing.TB
	addr     string
	ca       *authority
	listener net.Listener
	serving  sync.WaitGroup
	stop     func()
}

// open opens a port. Its clients are handed to adopt.
func open(t testing.TB, c Config, adopt func(Client)) *port {
	t.Helper()
	ca := newAuthority(t)
	certificate := ca.issue(t, "localhost")
	if c.Configure == nil {
		c.Configure = func(base *tls.Config) *tls.Config {
			base.Certificates = []tls.Certificate{*certificate}
			return base
		}
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = chattest.Patience
	}
	config := net.ListenConfig{Control: netpoll.PrepareListener}
	config.SetMultipathTCP(false)
	inner, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &port{Terminator: New(c), t: t, addr: inner.Addr().String(), ca: ca}
	p.listener = p.Listener(inner)
	p.serving.Go(func() { p.Serve(p.listener, adopt) })
	p.stop = sync.OnceFunc(func() {
		p.listener.Close()
		p.serving.Wait()
		p.Close()
	})
	t.Cleanup(p.stop)
	return p
}

// dial connects over TLS, without a handshake.
func (p *port) dial() *tls.Conn { return p.dialTo(p.addr) }

func (p *port) dialTo(address string) *tls.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(chattest.Patience))
	return tls.Client(c, p.clientConfig())
}

func (p *port) clientConfig() *tls.Config {
	return &tls.Config{RootCAs: p.ca.pool, ServerName: "localhost"}
}

// connect returns both ends of a connection: the client's, and the server's of its pipe.
func connect(t testing.TB, c Config) (*port, *tls.Conn, *os.File) {
	t.Helper()
	clients := make(chan Client, 1)
	p := open(t, c, func(c Client) { clients <- c })
	client := p.dial()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	adopted := <-clients
	end := serverEnd(t, adopted)
	if want := client.LocalAddr().String(); adopted.Peer.String() != want {
		t.Errorf("the client's address is %v, want %s", adopted.Peer, want)
	}
	return p, client, end
}

// serverEnd returns the server's end of a client's pipe.
func serverEnd(t testing.TB, c Client) *os.File {
	end := os.NewFile(uintptr(c.FD), "server")
	t.Cleanup(func() { end.Close() })
	end.SetDeadline(time.Now().Add(chattest.Patience))
	return end
}

// A room is a chat server behind a port.
type room struct {
	*chattest.Server
	*port
	adopted atomic.Int64
}

func openRoom(t testing.TB, sc server.Config, c Config, rooms ...server.RoomConfig) *room {
	t.Helper()
	r := &room{Server: chattest.Start(t, sc, rooms...)}
	r.port = open(t, c, func(c Client) {
		r.Adopt(server.Adopted{FD: c.FD, Peer: c.Peer, Remote: c.Peer.Addr()})
		r.adopted.Add(1)
	})
	stop := r.port.stop
	r.port.stop = sync.OnceFunc(func() { // in the order in which the program stops
		r.listener.Close()
		r.Server.Stop(t)
		stop()
	})
	t.Cleanup(r.port.stop)
	return r
}

// join joins the room over TLS.
func (r *room) join(name string) *member {
	r.t.Helper()
	m := &member{Conn: r.dial(), t: r.t, name: name}
	m.send(chattest.Key)
	if text := m.receive(); text != name+": "+chattest.Key {
		r.t.Fatalf("%s: the echo is %q", name, text)
	}
	return m
}

// live returns how many pipes there are.
func (t *Terminator) live() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pipes)
}
