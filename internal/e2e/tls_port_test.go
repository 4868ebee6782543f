package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// certificateFiles writes a certificate and its key into files, and returns them and a
// configuration that trusts it.
func certificateFiles(t testing.TB) (certFile, keyFile string, trusting *tls.Config) {
	t.Helper()
	certificate, private := newCertificate(t)
	folder := t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, content := range map[string][]byte{certFile: certificate, keyFile: private} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return certFile, keyFile, &tls.Config{RootCAs: pool}
}

// A client over TLS, a plain one and a browser over https are in the same room, and all of
// them are told in order when the server ends.
func TestTLSPort(t *testing.T) {
	t.Parallel()
	certFile, keyFile, trusting := certificateFiles(t)
	tlsPort, webPort := freePort(t), freePort(t)
	srv := start(t, "--tls", fmt.Sprintf("127.0.0.1:%d", tlsPort), "--web", fmt.Sprintf("127.0.0.1:%d", webPort),
		"--tls-cert", certFile, "--tls-key", keyFile)
	srv.stderr.waitForLine(t, fmt.Sprintf("sop-chat join --tls 127.0.0.1:%d", tlsPort))
	srv.stderr.waitForLine(t, fmt.Sprintf("https://127.0.0.1:%d/", webPort))

	plain := join(t, srv, "plain")
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	secure, err := (&tls.Dialer{Config: trusting}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", tlsPort))
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	secure.SetDeadline(time.Now().Add(testTimeout))
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	defer browser.CloseIdleConnections()
	web, _, err := websocket.Dial(ctx, fmt.Sprintf("wss://127.0.0.1:%d/ws", webPort), &websocket.DialOptions{HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	defer web.CloseNow()
	say := func(m wire.Message) {
		t.Helper()
		var err error
		if string(m.Name()) == "web" {
			err = web.Write(ctx, websocket.MessageBinary, m[:])
		} else {
			_, err = secure.Write(m[:])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	secureHears := func(want wire.Message) {
		t.Helper()
		var got wire.Message
		if _, err := io.ReadFull(secure, got[:]); err != nil || got != want {
			t.Fatalf("the TLS client received %q, %v", got.Text(), err)
		}
	}
	webHears := func(want wire.Message) {
		t.Helper()
		if _, got, err := web.Read(ctx); err != nil || string(got) != string(want[:]) {
			t.Fatalf("the browser received %d bytes, %v", len(got), err)
		}
	}
	say(message("secure", key))
	secureHears(message("secure", key))
	say(message("web", key))
	webHears(message("web", key))
	for i := range 20 {
		a, b, c := message("secure", fmt.Sprint("a", i)), message("web", fmt.Sprint("b", i)), fmt.Sprint("c", i)
		say(a)
		plain.expect(a)
		webHears(a)
		say(b)
		plain.expect(b)
		secureHears(b)
		m := plain.say(c)
		secureHears(m)
		webHears(m)
	}
	srv.signal(syscall.SIGTERM)
	if n, err := secure.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("the TLS client received %d bytes and %v, want the end of TLS", n, err)
	}
	secure.Close()
	if _, _, err := web.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the browser is told %v", err)
	}
	plain.expectClosed()
	srv.expectEnd(0)
}
