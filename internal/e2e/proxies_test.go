package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/testenv"
)

// snippet returns the first block of code behind a line of a document, with other values
// in the places of those that it has. Each has to be there.
func snippet(t testing.TB, document, behind string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+behind+"\n")
	_, rest, foundBlock := strings.Cut(rest, "\n```\n")
	block, _, foundEnd := strings.Cut(rest, "\n```\n")
	if !found || !foundBlock || !foundEnd {
		t.Fatalf("%s has no code behind %q", document, behind)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(block, replace[i]) {
			t.Fatalf("%s has no %q behind %q:\n%s", document, replace[i], behind, block)
		}
		block = strings.ReplaceAll(block, replace[i], replace[i+1])
	}
	return block + "\n"
}

// A frontProgram is a program that puts TLS in front of a server, with a file that the
// documents have.
type frontProgram struct {
	t    testing.TB
	dir  string // of its own
	port int    // on which it listens
	says string // before it listens; "" if it says nothing
}

func newFrontProgram(t testing.TB) *frontProgram {
	return &frontProgram{t: t, dir: t.TempDir(), port: freePort(t)}
}

func (f *frontProgram) address() string { return fmt.Sprintf("127.0.0.1:%d", f.port) }

// write writes a file into the program's directory.
func (f *frontProgram) write(name, content string) (path string) {
	f.t.Helper()
	path = filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// run runs the program until the test ends, and waits until it listens.
func (f *frontProgram) run(name string, args ...string) {
	t := f.t
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // where Debian has some of them
	}
	if err != nil {
		testenv.Lacks(t, name)
	}
	said := new(output)
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = f.dir, said, said
	cmd.Env = append(os.Environ(), "HOME="+f.dir, "XDG_DATA_HOME="+f.dir, "XDG_CONFIG_HOME="+f.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		said.Close()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s says:\n%s", name, excerpt(said.String()))
		}
	})
	said.waitFor(t, name+" to listen", func(printed string) bool {
		if !strings.Contains(printed, f.says) {
			return false
		}
		conn, err := net.Dial("tcp", f.address())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// nginx runs nginx with parts of its file.
func (f *frontProgram) nginx(http, stream string) {
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	f.t.Helper()
	load := ""
	if stream != "" {
		if _, err := os.Stat(module); err != nil {
			testenv.Lacks(f.t, "nginx's module stream, "+module)
		}
		load = "load_module " + module + ";\n"
	}
	f.run("nginx", "-p", f.dir, "-e", "stderr", "-c", f.write("nginx.conf", load+
		"daemon off; master_process off; pid nginx.pid; events {}\n"+
		"http {\naccess_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;\n"+
		http+"}\n"+stream))
}

// tlsFiles returns files with a certificate for the host 127.0.0.1, its key, and both.
func tlsFiles(t testing.TB) (certificate, key, both string) {
	t.Helper()
	c, private := newCertificate(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", c), write("key.pem", private), write("both.pem", append(c[:len(c):len(c)], private...))
}

const live = "/etc/letsencrypt/live/chat.example.com/"

// dialTLS connects to a program in front of a server, which speaks TLS and whose
// certificate is in a file.
func dialTLS(t testing.TB, address, certificate string) *tls.Conn {
	t.Helper()
	trusted, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

// With TLS in front of its TCP port, as docs/tls.md has it, a server knows the clients'
// own addresses, and all that is said arrives.
func TestTLSInFrontOfTCP(t *testing.T) {
	t.Parallel()
	certificate, private, both := tlsFiles(t)
	for name, run := range map[string]func(f *frontProgram, listen, server string){
		"stunnel": func(f *frontProgram, listen, server string) {
			f.says = "Configuration successful"
			f.run("stunnel4", f.write("stunnel.conf", "foreground = yes\npid =\n"+snippet(f.t, "tls.md", "### stunnel, for TCP",
				"accept = 9443", "accept = "+listen, "127.0.0.1:9000", server, live+"fullchain.pem", certificate, live+"privkey.pem", private)))
		},
		"nginx": func(f *frontProgram, listen, server string) {
			f.nginx("", snippet(f.t, "tls.md", "### nginx, for TCP",
				"listen 9443", "listen "+listen, "127.0.0.1:9000", server, live+"fullchain.pem", certificate, live+"privkey.pem", private))
		},
		"HAProxy": func(f *frontProgram, listen, server string) {
			f.run("haproxy", "-db", "-f", f.write("haproxy.cfg", snippet(f.t, "tls.md", "### HAProxy, for TCP",
				":9443", ":"+listen, "127.0.0.1:9000", server, "/etc/haproxy/chat.pem", both)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, "--trusted-proxy", "127.0.0.1")
			front := newFrontProgram(t)
			run(front, fmt.Sprint(front.port), srv.address())
			bob := join(t, srv, "bob")
			alice := dialTLS(t, front.address(), certificate)
			first := message("alice", key)
			echo := first
			alice.Write(first[:])
			if _, err := io.ReadFull(alice, echo[:]); err != nil || echo != first {
				t.Fatalf("the echo is %q, %v; the server says\n%s%s", echo[:], err, excerpt(srv.stdout.String()), excerpt(srv.stderr.String()))
			}
			srv.stdout.waitForLine(t, fmt.Sprintf(`"alice" from %s gave the key`, alice.LocalAddr()))
			hello := message("alice", "hello")
			alice.Write(hello[:])
			bob.expect(hello)

			carol := startJoinAt(t, front.address(), "--tls-ca", certificate)
			io.WriteString(carol.in, "and this\n")
			carol.in.Close()
			bob.expect(message("alice", "and this"))
			carol.ends(0, "")
		})
	}
}

// The GUI client joins by stunnel on its own machine, as docs/tls.md has it, whose
// certificate is verified.
func TestTLSForGUIClient(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, trusted := range []bool{true, false} {
		address, certificate := tlsProxy(t, srv)
		if !trusted {
			_, certificate = tlsProxy(t, srv)
		}
		front := newFrontProgram(t)
		front.says = "Configuration successful"
		front.run("stunnel4", front.write("stunnel.conf", "foreground = yes\npid =\n"+snippet(t, "tls.md", "### The GUI client, by stunnel",
			"127.0.0.1:9000", front.address(), "chat.example.com:9443", address, "/etc/ssl/certs/ca-certificates.crt", certificate,
			"checkHost = chat.example.com", "checkIP = 127.0.0.1")))
		gui := connect(t, &server{t: t, port: front.port})
		if trusted {
			gui.authenticate("gui", key)
			bob := join(t, srv, "bob")
			bob.expect(gui.say("hello"))
		} else {
			first := message("gui", key)
			gui.Write(first[:])
			gui.expectClosed()
		}
	}
}

// With https in front of its page, as the documents have it, a server knows the clients'
// own addresses.
func TestTLSInFrontOfPage(t *testing.T) {
	t.Parallel()
	certificate, private, _ := tlsFiles(t)
	files := fmt.Sprintf("ssl_certificate %s;\nssl_certificate_key %s;\n", certificate, private)
	for name, run := range map[string]func(f *frontProgram, page string){
		"Caddy": func(f *frontProgram, page string) {
			f.caddy(snippet(f.t, "tls.md", "### Caddy, for the page",
				"chat.example.com {", f.address()+" {\n\ttls "+certificate+" "+private, "127.0.0.1:8080", page))
		},
		"Caddy in web.md": func(f *frontProgram, page string) {
			f.caddy(snippet(f.t, "web.md", "Caddy:",
				"chat.example.com {", f.address()+" {\n\ttls "+certificate+" "+private, "127.0.0.1:8080", page))
		},
		"nginx": func(f *frontProgram, page string) {
			f.nginx(snippet(f.t, "tls.md", "### nginx, for the page", "listen 443", "listen "+f.address(), "server_name chat.example.com", "server_name 127.0.0.1",
				live+"fullchain.pem", certificate, live+"privkey.pem", private, "127.0.0.1:8080", page), "")
		},
		"nginx in web.md": func(f *frontProgram, page string) {
			f.nginx("server {\nlisten "+f.address()+" ssl;\n"+files+
				snippet(f.t, "web.md", "nginx, in the server for chat.example.com ([tls.md](tls.md) has all of that):", "127.0.0.1:8080", page)+"}\n", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front := newFrontProgram(t)
			page, origin := fmt.Sprintf("127.0.0.1:%d", freePort(t)), "https://"+front.address()
			srv := start(t, "--web", page, "--web-origin", origin, "--trusted-proxy", "127.0.0.1")
			srv.stderr.waitForLine(t, origin+"/")
			run(front, page)
			bob := join(t, srv, "bob")
			alice := startJoinAt(t, "https://"+front.address(), "--tls-ca", certificate)
			io.WriteString(alice.in, "hello\n")
			alice.in.Close()
			bob.expect(message("alice", "hello"))
			alice.ends(0, "")
			srv.stdout.waitForLine(t, `"alice" from 127.0.0.1:0 gave`) // whose port only the proxy knows
		})
	}
}

// caddy runs Caddy with a site.
func (f *frontProgram) caddy(site string) {
	f.t.Helper()
	f.run("caddy", "run", "--adapter", "caddyfile", "--config", f.write("Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+site))
}
