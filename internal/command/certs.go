package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sop-chat/internal/certs"
)

// certOptions say where the certificate for TLS comes from.
type certOptions struct {
	cert   string // its file
	key    string // the file of its private key
	names  []string
	email  string
	ca     string
	caRoot string
	folder string
	http   acmeHTTP
}

// An acmeHTTP is where a CA is answered over HTTP.
type acmeHTTP struct {
	webAddress
	auto bool // on port 80 if that can be had
}

// What is chosen unless the options say something else.
const autoFolder = "auto"

var autoHTTP = acmeHTTP{webAddress{"::", 80}, true}

// A certSource has the certificate for TLS. Run keeps it up to date until ctx is done.
type certSource interface {
	certs.Source
	Run(ctx context.Context)
	Reload() error       // as SIGHUP demands; what is in force stays so if it fails
	NotAfter() time.Time // when it expires; the zero time if there is none
	Names() []string     // the hosts and addresses that it is for
}

var (
	_ certSource = (*certs.FileSource)(nil)
	_ certSource = (*certs.ACMESource)(nil)
)

func (c *certOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &c.cert, "tls-cert", "FILE", "", anyText,
		`The certificate for TLS: a PEM file with the server's own and those of its CA behind it. It is read `+
			`again when it changes, and on SIGHUP. One that can't be used changes nothing.`)
	define(flags, &c.key, "tls-key", "FILE", "", anyText,
		`The private key of --tls-cert, a PEM file without a passphrase.`)
	define(flags, &c.names, "acme", "DOMAIN", "", certNames,
		`Gets certificates from a CA that speaks ACME, and renews them. DOMAIN leads to this server, and may `+
			`be an IP address; several are separated by commas. The CA connects to port 443 or 80. With `+
			`it you accept the CA's terms of service.`)
	define(flags, &c.email, "acme-email", "MAIL", "", emailAddress,
		`The e-mail address that the CA is told, for notices.`)
	define(flags, &c.ca, "acme-ca", "URL", "", caURL,
		`The directory of another CA than Let's Encrypt, or of theirs for trying it out, whose certificates `+
			`nobody trusts: https://acme-staging-v02.api.letsencrypt.org/directory.`)
	define(flags, &c.caRoot, "acme-ca-root", "FILE", "", anyText,
		`A PEM file with the certificates that the CA's own https is checked with.`)
	flags.Lookup("acme-ca-root").Hidden = true
	define(flags, &c.folder, "acme-dir", "DIR", autoFolder, anyText,
		`Where certificates of --acme and their keys are kept. auto is acme in the folder that systemd `+
			`gives (StateDirectory=), or in ~/.local/share/sop-chat.`)
	define(flags, &c.http, "acme-http", "ADDR", "auto", acmeListen,
		`Where the CA is answered over HTTP, such as :80; port 80 of DOMAIN has to lead there. auto is `+
			`:80 if that is free. off leaves it to TLS, to which port 443 of DOMAIN has to lead then.`)
}

// areSet reports whether the options say where a certificate comes from.
func (c *certOptions) areSet() bool { return c.cert != "" || len(c.names) > 0 }

// check returns an error if the options don't fit together.
func (c *certOptions) check() error {
	switch {
	case c.cert != "" && c.key == "":
		return usagef("--tls-cert needs the private key, too: --tls-key FILE")
	case c.key != "" && c.cert == "":
		return usagef("--tls-key needs the certificate, too: --tls-cert FILE")
	case c.cert != "" && len(c.names) > 0:
		return usagef("--acme gets a certificate, and --tls-cert has one; leave one of them out")
	}
	if len(c.names) == 0 {
		return c.checkWithoutACME()
	}
	if c.caIsPublic() {
		for _, name := range c.names {
			if err := certs.CheckPublic(name); err != nil {
				return usagef("--acme: %v", err)
			}
		}
	}
	return nil
}

// checkWithoutACME reports options that have no effect without --acme.
func (c *certOptions) checkWithoutACME() error {
	flag := ""
	switch {
	case c.email != "":
		flag = "acme-email"
	case c.ca != certs.LetsEncrypt:
		flag = "acme-ca"
	case c.caRoot != "":
		flag = "acme-ca-root"
	case c.folder != autoFolder:
		flag = "acme-dir"
	case c.http != autoHTTP:
		flag = "acme-http"
	default:
		return nil
	}
	return usagef("--%s is about certificates of --acme, which is missing", flag)
}

// caIsPublic reports whether the CA's certificates are for what is on the internet. Of
// others it is not known.
func (c *certOptions) caIsPublic() bool {
	u, err := url.Parse(c.ca)
	return err == nil && strings.HasSuffix(u.Hostname(), ".letsencrypt.org")
}

// certNames reads for what certificates are to be issued.
func certNames(text string) ([]string, error) {
	var names []string
	for _, word := range separated(text) {
		name, err := certs.ParseName(word)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// emailAddress reads an address without a name.
func emailAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if found, err := mail.ParseAddress(text); err != nil || found.Address != text {
		return "", fmt.Errorf("%q is not an e-mail address, such as me@example.com", text)
	}
	return text, nil
}

// caURL reads the URL of a CA's directory; without one it is Let's Encrypt's.
func caURL(text string) (string, error) {
	if text == "" {
		return certs.LetsEncrypt, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not the https URL of a CA's directory, such as %s", text, certs.LetsEncrypt)
	}
	return text, nil
}

// acmeListen reads where a CA is answered over HTTP.
func acmeListen(text string) (acmeHTTP, error) {
	switch text {
	case "auto":
		return autoHTTP, nil
	case "off":
		return acmeHTTP{}, nil
	}
	at, err := webListen(text)
	if err != nil || at.port == 0 {
		return acmeHTTP{}, fmt.Errorf("%q is not an address with a port, such as :80 or 127.0.0.1:8081, auto or off", text)
	}
	return acmeHTTP{at, false}, nil
}

// A listenHTTPFunc listens where a CA is answered over HTTP, see listenHTTP.
type listenHTTPFunc func(context.Context, webAddress) (net.Listener, error)

// open returns the source that the options say; nil if they say none. tlsPorts are those
// on which this server accepts TLS.
func (c *certOptions) open(ctx context.Context, tlsPorts []uint16, listen listenHTTPFunc, p Process, logger *slog.Logger) (certSource, error) {
	switch {
	case c.cert != "":
		source, err := certs.Files(c.cert, c.key, logger)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		return source, nil
	case len(c.names) == 0:
		return nil, nil
	}
	config := certs.ACMEConfig{Names: c.names, CA: c.ca, Email: c.email, Logger: logger}
	var err error
	if config.Roots, err = readRoots(c.caRoot); err != nil {
		return nil, err
	}
	if config.Folder, err = c.acmeFolder(p); err != nil {
		return nil, err
	}
	if config.HTTP, config.TLS, err = c.challenges(ctx, tlsPorts, listen, logger); err != nil {
		return nil, err
	}
	source, err := certs.ACME(config)
	if err != nil {
		if config.HTTP != nil {
			config.HTTP.Close()
		}
		return nil, fmt.Errorf("--acme: %w", err)
	}
	return source, nil
}

// readRoots returns the certificates in a file, or nil if none is given.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--acme-ca-root: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("--acme-ca-root: %s has no certificate in PEM", file)
	}
	return roots, nil
}

// acmeFolder returns where certificates are kept.
func (c *certOptions) acmeFolder(p Process) (string, error) {
	if c.folder != autoFolder {
		return c.folder, nil
	}
	variable := func(name string) string {
		value, _ := p.LookupEnv(name)
		return value
	}
	state, _, _ := strings.Cut(variable("STATE_DIRECTORY"), ":")
	if state != "" {
		return filepath.Join(state, "acme"), nil
	}
	data := variable("XDG_DATA_HOME")
	if home := variable("HOME"); data == "" && home != "" {
		data = filepath.Join(home, ".local", "share")
	}
	if data == "" {
		return "", errors.New("there is no home directory in which certificates could be kept; --acme-dir says where else")
	}
	return filepath.Join(data, "sop-chat", "acme"), nil
}

// httpsPort is one of the ports to which a CA connects; the other is that of acmeListen.
const httpsPort = 443

// challenges returns how a CA sees that a name belongs to this server: over HTTP, if a
// listener is returned, and by TLS. At least one of them is possible, unless ports are
// not forwarded as the options say.
func (c *certOptions) challenges(ctx context.Context, tlsPorts []uint16, listen listenHTTPFunc, logger *slog.Logger) (_ net.Listener, byTLS bool, _ error) {
	onHTTPS := slices.Contains(tlsPorts, httpsPort)
	if c.http.port == 0 {
		return nil, true, nil // if this server has TLS on another port, 443 leads there
	}
	l, err := listen(ctx, c.http.webAddress)
	switch {
	case err == nil:
		return l, onHTTPS, nil
	case !c.http.auto:
		return nil, false, fmt.Errorf("--acme-http: %w", err)
	case onHTTPS:
		logger.Info("the CA is answered on port 443 alone", "error", err)
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("--acme: a CA connects to port 443 or 80 of %s. This server has no TLS on port 443, and of "+
		"port 80: %w. If another port is forwarded to its TLS address from 443, add --acme-http off; if 80 is forwarded, "+
		"say to where, as in --acme-http :8081", strings.Join(c.names, ", "), err)
}

// listenHTTP listens on an address, or on the first one of a host name.
func listenHTTP(ctx context.Context, at webAddress) (net.Listener, error) {
	addrs, err := resolve(ctx, at.host)
	if err != nil {
		return nil, err
	}
	on := netip.AddrPortFrom(addrs[0], at.port)
	address := on.String()
	if on.Addr() == netip.IPv6Unspecified() {
		address = fmt.Sprintf(":%d", at.port) // of IPv4 too, and of that alone where there is no IPv6
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError(err, on)
	}
	return l, nil
}

// publicNames returns the names by which others than this machine can reach it.
func publicNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		addr, err := netip.ParseAddr(name)
		return name == "localhost" || err == nil && addr.IsLoopback()
	})
}
