package command

import (
	"crypto/tls"
	"fmt"

	"github.com/spf13/pflag"
)

// identityOptions say which certificate the client shows to a server that demands one.
type identityOptions struct {
	certFile, keyFile string
	certificates      []tls.Certificate // none, or one
}

func (i *identityOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &i.certFile, "tls-cert", "FILE", "", anyText,
		`The client's own certificate, a PEM file, for a server that demands one. Implies --tls.`)
	define(flags, &i.keyFile, "tls-key", "FILE", "", anyText, `The private key of --tls-cert, a PEM file.`)
}

// areSet reports whether there is a certificate.
func (i *identityOptions) areSet() bool { return i.certFile != "" }

// read reads the files.
func (i *identityOptions) read() error {
	switch {
	case i.certFile == "" && i.keyFile == "":
		return nil
	case i.keyFile == "":
		return usagef("--tls-cert needs the private key, too: --tls-key FILE")
	case i.certFile == "":
		return usagef("--tls-key needs the certificate, too: --tls-cert FILE")
	}
	pair, err := tls.LoadX509KeyPair(i.certFile, i.keyFile)
	if err != nil {
		return fmt.Errorf("the certificate of --tls-cert and --tls-key can't be used: %w", err)
	}
	i.certificates = []tls.Certificate{pair}
	return nil
}
