package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sop-chat/internal/readfile"
)

// A pair names the files of a certificate and of its private key.
type pair struct {
	cert, key string
}

// load reads the files. Its errors name the file and say what to do.
func (p pair) load(now time.Time) (*tls.Certificate, error) {
	chain, err := readPEM(p.cert)
	if err != nil {
		return nil, err
	}
	key, err := readPEM(p.key)
	if err != nil {
		return nil, err
	}
	if !has(chain, "CERTIFICATE") {
		if has(chain, "PRIVATE KEY") && has(key, "CERTIFICATE") {
			return nil, fmt.Errorf("%s has a private key and %s a certificate; exchange them", p.cert, p.key)
		}
		return nil, fmt.Errorf("%s has no certificate; it should have a block BEGIN CERTIFICATE", p.cert)
	}
	if err := checkKey(p.key, key); err != nil {
		return nil, err
	}
	found, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, p.explain(chain, err)
	}
	if err := checkTime(found.Leaf, now); err != nil {
		return nil, fmt.Errorf("%s: %w", p.cert, err)
	}
	return &found, nil
}

// readPEM reads a file that should have blocks in PEM.
func readPEM(file string) ([]byte, error) {
	const most = 1 << 20 // far more than a chain has
	content, _, err := readfile.Read(file, most)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist", file)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s may not be read by this user; change its owner, its group or its mode", file)
	case err != nil:
		return nil, err
	}
	if block, _ := pem.Decode(content); block == nil {
		return nil, fmt.Errorf("%s is not PEM, a text with blocks that begin with -----BEGIN; openssl converts other formats", file)
	}
	return content, nil
}

// has reports whether PEM has a block whose type ends with kind.
func has(content []byte, kind string) bool {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return true
		}
	}
	return false
}

// checkKey returns an error if a file has no private key that can be read.
func checkKey(file string, content []byte) error {
	switch {
	case !has(content, "PRIVATE KEY"):
		return fmt.Errorf("%s has no private key; it should have a block BEGIN PRIVATE KEY", file)
	case has(content, "ENCRYPTED PRIVATE KEY") || bytes.Contains(content, []byte("Proc-Type: 4,ENCRYPTED")):
		return fmt.Errorf("%s is encrypted with a passphrase; openssl pkey -in %s -out FILE decrypts it", file, file)
	}
	return nil
}

// explain returns an error that says why a certificate and a key can't be used
// together.
func (p pair) explain(chain []byte, err error) error {
	block, _ := pem.Decode(chain)
	if _, wrong := x509.ParseCertificate(block.Bytes); wrong != nil && block.Type == "CERTIFICATE" {
		return fmt.Errorf("%s has a certificate that can't be read: %w", p.cert, wrong)
	}
	if strings.Contains(err.Error(), "does not match") {
		return fmt.Errorf("the key in %s does not belong to the certificate in %s; take both of the same issue, "+
			"and the server's own certificate before those of its CA", p.key, p.cert)
	}
	return fmt.Errorf("%s and %s: %w", p.cert, p.key, err)
}

// checkTime returns an error if a certificate is not valid now.
func checkTime(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate has expired, on %s; renew it", leaf.NotAfter.Format(time.DateTime+" MST"))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s, and this machine's clock says %s; set the clock, or wait",
			leaf.NotBefore.Format(time.DateTime+" MST"), now.UTC().Format(time.DateTime+" MST"))
	}
	return nil
}
