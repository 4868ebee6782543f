// Package certs has the certificates that a server shows in TLS handshakes: from
// files, which are read again when they change, or from a certificate authority (CA)
// by ACME. It knows certificates, files and ACME, and no rooms and no connections of
// the chat.
package certs

import (
	"crypto/tls"
	"slices"
)

// A Source has a server's certificates. Its method is for tls.Config, and safe for
// concurrent use.
type Source interface {
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// ChallengeProtocol is the protocol that is agreed on by ALPN when a CA connects to
// see whether a name belongs to this server (RFC 8737). The connection has done its
// work then, and is to be closed.
const ChallengeProtocol = "acme-tls/1"

// Configure returns a copy of a server's configuration that takes its certificates
// from a source. A CA that looks at a name is answered even if base demands a
// certificate of clients or other protocols.
func Configure(base *tls.Config, source Source) *tls.Config {
	config := base.Clone()
	config.GetCertificate = source.GetCertificate
	if _, isACME := source.(*ACMESource); !isACME {
		return config
	}
	challenge := &tls.Config{
		GetCertificate: source.GetCertificate,
		NextProtos:     []string{ChallengeProtocol},
	}
	next := base.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch {
		case isChallenge(hello):
			return challenge, nil
		case next != nil:
			return next(hello)
		}
		return nil, nil // that is, config
	}
	return config
}

// isChallenge reports whether a CA asks for the answer to its challenge.
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return slices.Equal(hello.SupportedProtos, []string{ChallengeProtocol})
}
