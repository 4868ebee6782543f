package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// What is missing is said in words that tell what to do, and the start fails when its time is up.
func TestNATSMissing(t *testing.T) {
	users := func(o *server.Options) {
		weak := &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.CREATE.>"}}}
		o.Users = []*server.User{{Username: "good", Password: "right"}, {Username: "weak", Password: "right", Permissions: weak}}
	}
	for name, test := range map[string]struct {
		set  func(*server.Options)
		url  func(url string) string
		edit func(*NATSConfig)
		want []string
	}{
		"no server": {
			url:  func(string) string { return "nats://user:secret@127.0.0.1:1" },
			want: []string{"no server of NATS answers at nats://user:xxxxx@127.0.0.1:1"},
		},
		"no JetStream": {
			set:  func(o *server.Options) { o.JetStream = false },
			want: []string{"has no JetStream", "store_dir"},
		},
		"no JetStream of the account": {
			set: func(o *server.Options) {
				account := server.NewAccount("other")
				o.Accounts = []*server.Account{account}
				o.Users = []*server.User{{Username: "good", Password: "right", Account: account}}
			},
			url:  func(url string) string { return strings.Replace(url, "://", "://good:right@", 1) },
			want: []string{"this account of NATS has no JetStream"},
		},
		"wrong password": {
			set:  users,
			url:  func(url string) string { return strings.Replace(url, "://", "://good:wrong@", 1) },
			want: []string{"good:xxxxx@", "refuses user, password or credentials"},
		},
		"no permission": {
			set:  users,
			url:  func(url string) string { return strings.Replace(url, "://", "://weak:right@", 1) },
			want: []string{"the stream chat", ErrNotPermitted.Error(), "$JS.API.STREAM.CREATE.chat"},
		},
		"small messages": {
			set:  func(o *server.Options) { o.MaxPayload = 64 << 10 },
			want: []string{"max_payload of NATS is 65536", "max_payload: 1048576"},
		},
		"too many replicas": {
			edit: func(c *NATSConfig) { c.Settings.Replicas = 3 },
			want: []string{"the stream chat", "replicas > 1 not supported in non-clustered mode"},
		},
		"no file": {
			edit: func(c *NATSConfig) { c.Credentials = "/nowhere/a.creds" },
			want: []string{"/nowhere/a.creds"},
		},
		"no NKey": {
			edit: func(c *NATSConfig) { c.NKey = "/nowhere/a.nk" },
			want: []string{"/nowhere/a.nk"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := natsOptions(t)
			if test.set != nil {
				test.set(options)
			}
			config := testConfig(startNATS(t, options).ClientURL())
			if test.url != nil {
				config.URLs[0] = test.url(config.URLs[0])
			}
			if test.edit != nil {
				test.edit(&config)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var missing error
			_, err := OpenNATS(ctx, config, func(err error) { missing = err; cancel() })
			if err == nil || missing == nil {
				t.Fatalf("nothing is missing: %v, %v", missing, err)
			}
			for _, want := range test.want {
				if !strings.Contains(missing.Error(), want) {
					t.Errorf("what is missing is told so: %v; it lacks %q", missing, want)
				}
			}
			if strings.Contains(missing.Error(), "secret") {
				t.Errorf("the password is told: %v", missing)
			}
		})
	}
}

// A server that waits goes on as soon as NATS is there.
func TestNATSComesLater(t *testing.T) {
	options := natsOptions(t)
	config := testConfig(startNATSLater(t, options))
	var once bool
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	n, err := OpenNATS(ctx, config, func(error) {
		if !once {
			once = true
			startNATS(t, options)
		}
	})
	if err != nil || !once {
		t.Fatal(once, err)
	}
	n.Close()
	if len(n.Warnings()) > 0 {
		t.Errorf("a stream that was just made has %v", n.Warnings())
	}
}

// startNATSLater returns the URL of a server that can be started with the options.
func startNATSLater(t *testing.T, options *server.Options) string {
	s := startNATS(t, options)
	stopNATS(s)
	return s.ClientURL()
}

// What can't be is said at once.
func TestNATSWrongConfig(t *testing.T) {
	for name, edit := range map[string]func(*NATSConfig){
		"name":      func(c *NATSConfig) { c.Settings.Name = "a.b" },
		"no name":   func(c *NATSConfig) { c.Settings.Name = "" },
		"replicas":  func(c *NATSConfig) { c.Settings.Replicas = 2 },
		"keep":      func(c *NATSConfig) { c.Settings.Keep = time.Minute },
		"bytes":     func(c *NATSConfig) { c.Settings.MaxBytes = -1 },
		"URL":       func(c *NATSConfig) { c.URLs = []string{"nats://user:secret@host:port"} },
		"no URL":    func(c *NATSConfig) { c.URLs = nil },
		"empty URL": func(c *NATSConfig) { c.URLs = []string{""} },
	} {
		config := testConfig("127.0.0.1:1")
		edit(&config)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := OpenNATS(ctx, config, func(err error) { t.Errorf("%s: %v", name, err); cancel() })
		cancel()
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// A stream with which there can be no cluster is refused at once, and one that is otherwise than
// was wished for is used, with warnings.
func TestNATSOtherStream(t *testing.T) {
	config := testConfig(startNATS(t, natsOptions(t)).ClientURL())
	first := openTestNATS(t, config)
	config.Settings.Keep = 2 * time.Hour
	second := openTestNATS(t, config)
	if got := second.Warnings(); len(got) != 1 || got[0].Setting != "max_age" || got[0].Found != "1h0m0s" || got[0].Wished != "2h0m0s" {
		t.Errorf("the warnings are %v", got)
	}
	changed := config.Settings.config()
	changed.AllowDirect, changed.Discard = true, jetstream.DiscardOld
	if _, err := first.js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := OpenNATS(ctx, config, func(err error) { t.Error(err); cancel() })
	if err == nil || !strings.Contains(err.Error(), "allow_direct: true, and should have false: nats stream edit chat --no-allow-direct") || strings.Contains(err.Error(), "discard") {
		t.Errorf("the error is %v", err)
	}
}

// With TLS, NATS is who the authority says, and knows its client by a certificate or a key.
func TestNATSTLS(t *testing.T) {
	folder := t.TempDir()
	cert := selfSigned(t, folder)
	pair, err := tls.LoadX509KeyPair(cert, filepath.Join(folder, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	seed, public := nkeySeed(t, folder)
	options := natsOptions(t)
	options.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	options.TLS, options.TLSTimeout = true, 5
	options.Nkeys = []*server.NkeyUser{{Nkey: public}}
	config := testConfig(startNATS(t, options).ClientURL())
	config.CA, config.Cert, config.Key, config.NKey = cert, cert, filepath.Join(folder, "key.pem"), seed
	n := openTestNATS(t, config)
	if _, err := n.Publish(t.Context(), "chat.a.one", 0, []byte("1")); err != nil {
		t.Error(err)
	}

	config.CA = ""
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var unknown x509.UnknownAuthorityError
	if _, err := OpenNATS(ctx, config, func(error) { cancel() }); !errors.As(err, &unknown) {
		t.Errorf("with the system's authorities: %v", err)
	}
}

func nkeySeed(t *testing.T, folder string) (file, public string) {
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, "user.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	public, err = user.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return file, public
}

// selfSigned writes a certificate for 127.0.0.1 that is its own authority, and its key.
func selfSigned(t *testing.T, folder string) (cert string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert = filepath.Join(folder, "cert.pem")
	for file, block := range map[string]*pem.Block{
		cert:                             {Type: "CERTIFICATE", Bytes: der},
		filepath.Join(folder, "key.pem"): {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}
