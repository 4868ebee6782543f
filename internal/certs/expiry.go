package certs

import (
	"crypto/x509"
	"log/slog"
	"time"
)

const day = 24 * time.Hour

// warnBefore is how long before the end of a certificate the log says so, each once.
var warnBefore = []time.Duration{0, day, 7 * day, 14 * day}

// A maxShare is the part of its validity, at the end, in which a certificate is warned
// of: one of six days is not near its end from the beginning.
const maxShare = 6

// An expiry says when to warn of the end of a certificate.
type expiry struct {
	of   *x509.Certificate
	told time.Duration // before its end
}

// due reports whether to warn now. The same is not due again.
func (e *expiry) due(leaf *x509.Certificate, now time.Time) bool {
	if e.of == nil || !e.of.Equal(leaf) {
		e.of, e.told = leaf, 1<<63-1
	}
	left := leaf.NotAfter.Sub(now)
	for _, before := range warnBefore {
		if left > before || before > leaf.NotAfter.Sub(leaf.NotBefore)/maxShare {
			continue
		}
		due := before < e.told
		e.told = min(before, e.told)
		return due
	}
	return false
}

// warn logs that a certificate is near its end, or has expired, if that is due.
func (e *expiry) warn(leaf *x509.Certificate, now time.Time, logger *slog.Logger, attrs ...any) {
	if !e.due(leaf, now) {
		return
	}
	attrs = append(attrs, "names", names(leaf), "until", leaf.NotAfter)
	left := leaf.NotAfter.Sub(now)
	if left <= 0 {
		logger.Error("the certificate has expired; clients refuse it", attrs...)
		return
	}
	logger.Warn("the certificate expires soon and was not renewed", append(attrs, "left", left.Round(time.Minute))...)
}

// names returns whom a certificate is for.
func names(leaf *x509.Certificate) []string {
	all := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		all = append(all, leaf.Subject.CommonName)
	}
	return all
}
