package certs

import (
	"os"
)

// A stamp tells whether files were changed. It follows links, so it also changes when
// a link leads to another file, as certbot and Kubernetes replace certificates.
type stamp [2]os.FileInfo // nil: it can't be looked at

// stamp returns that of a pair's files.
func (p pair) stamp() (s stamp) {
	for i, file := range []string{p.cert, p.key} {
		s[i], _ = os.Stat(file) // an error is one of reading, too
	}
	return s
}

func (s stamp) equal(other stamp) bool {
	for i, a := range s {
		b := other[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}
