package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is no certificate, or no authority, is an error that says which.
func TestBadCertificateFiles(t *testing.T) {
	folder := t.TempDir()
	nothing := filepath.Join(folder, "nothing.pem")
	if err := os.WriteFile(nothing, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, want string }{
		{nothing, "has no certificate in PEM"},
		{filepath.Join(folder, "missing.pem"), "no such file"},
	} {
		o := tlsOptions{clientCA: test.file}
		if _, err := o.loadClientCA(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.file) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	if pool, err := (&tlsOptions{}).loadClientCA(); pool != nil || err != nil {
		t.Errorf("without a file: %v, %v", pool, err)
	}
}
