package certs

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is wrong with files is said in words, with the file and what to do.
func TestLoadErrors(t *testing.T) {
	folder := t.TempDir()
	good, other := valid(t, "chat.example"), valid(t, "chat.example")
	now := time.Now()
	expired := newIssue(t, "old.example", now.Add(-2*day), now.Add(-day))
	early := newIssue(t, "new.example", now.Add(day), now.Add(2*day))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	old := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}})
	garbled := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no DER")})

	for name, test := range map[string]struct {
		cert, key []byte
		want      string
	}{
		"no certificate file": {nil, good.key, "CERT does not exist"},
		"no key file":         {good.cert, nil, "KEY does not exist"},
		"DER":                 {[]byte("\x30\x82\x01"), good.key, "CERT is not PEM, a text with blocks that begin with -----BEGIN; openssl converts other formats"},
		"empty":               {[]byte{}, good.key, "CERT is not PEM"},
		"exchanged":           {good.key, good.cert, "CERT has a private key and KEY a certificate; exchange them"},
		"two keys":            {good.key, good.key, "CERT has no certificate; it should have a block BEGIN CERTIFICATE"},
		"two certificates":    {good.cert, good.cert, "KEY has no private key; it should have a block BEGIN PRIVATE KEY"},
		"encrypted":           {good.cert, encrypted, "KEY is encrypted with a passphrase; openssl pkey -in KEY -out FILE decrypts it"},
		"encrypted long ago":  {good.cert, old, "KEY is encrypted with a passphrase"},
		"garbled":             {garbled, good.key, "CERT has a certificate that can't be read: x509: "},
		"key of another":      {good.cert, other.key, "the key in KEY does not belong to the certificate in CERT; take both of the same issue"},
		"expired":             {expired.cert, expired.key, "CERT: the certificate has expired, on "},
		"not yet valid":       {early.cert, early.key, "CERT: the certificate is not valid before "},
	} {
		t.Run(name, func(t *testing.T) {
			p := pair{filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")}
			for file, content := range map[string][]byte{p.cert: test.cert, p.key: test.key} {
				os.Remove(file)
				if content != nil {
					write(t, file, content)
				}
			}
			_, err := p.load(now)
			if err == nil {
				t.Fatal("it is loaded")
			}
			got := strings.NewReplacer(p.cert, "CERT", p.key, "KEY").Replace(err.Error())
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("the error is %q, want %q", got, test.want)
			}
		})
	}
}
