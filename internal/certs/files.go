package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often files are looked at for changes.
const lookEvery = 5 * time.Second

// A FileSource has a certificate from files. While Run runs, it reads them again when
// they have changed. What can't be used changes nothing: the certificate that was in
// force stays so.
type FileSource struct {
	files   pair
	logger  *slog.Logger
	current atomic.Pointer[tls.Certificate]

	mu      sync.Mutex // for looking at the files
	seen    stamp      // of the files when they were read
	failed  bool       // they could not be used
	warned  string     // the error that the log has
	expires expiry
}

var _ Source = (*FileSource)(nil)

// Files returns the certificate in a file, a chain in PEM with the server's own
// certificate first, whose private key is in another.
func Files(cert, key string, logger *slog.Logger) (*FileSource, error) {
	f := &FileSource{files: pair{cert, key}, logger: logger}
	if err := f.read(time.Now()); err != nil {
		return nil, err
	}
	return f, nil
}

// GetCertificate returns the certificate that is in force.
func (f *FileSource) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// Names returns the hosts and addresses that the certificate in force is for, without
// wildcards.
func (f *FileSource) Names() []string {
	return slices.DeleteFunc(names(f.current.Load().Leaf), func(name string) bool { return strings.Contains(name, "*") })
}

// NotAfter returns when the certificate that is in force expires.
func (f *FileSource) NotAfter() time.Time { return f.current.Load().Leaf.NotAfter }

// Run looks for changes of the files until ctx is done.
func (f *FileSource) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		f.look(time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Reload reads the files, whether they have changed or not. The error says why the
// certificate in force stays so.
func (f *FileSource) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.read(time.Now())
	if err != nil {
		f.warned = err.Error()
	}
	return err
}

// look reads the files again if they have changed, or could not be used before.
func (f *FileSource) look(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.expires.warn(f.current.Load().Leaf, now, f.logger, "file", f.files.cert) }()
	failedBefore := f.failed
	if !failedBefore && f.files.stamp().equal(f.seen) {
		return
	}
	err := f.read(now)
	// The files may have been half replaced at the first look; the log hears of what
	// is still wrong at the next one, once.
	if err != nil && failedBefore && err.Error() != f.warned {
		f.warned = err.Error()
		f.logger.Warn("the files of the certificate have changed and can't be used; the one in force stays so",
			"error", err, "until", f.NotAfter())
	}
}

// read reads the files, and puts what is in them in force. The caller holds f.mu,
// or is alone.
func (f *FileSource) read(now time.Time) error {
	// What changes while the files are read is a change at the next look.
	f.seen = f.files.stamp()
	found, err := f.files.load(now)
	f.failed = err != nil
	if err != nil {
		return err
	}
	f.warned = ""
	old := f.current.Swap(found)
	if old != nil && slices.EqualFunc(old.Certificate, found.Certificate, bytes.Equal) {
		return nil
	}
	what := "the certificate was read"
	if old != nil {
		what = "the new certificate is in force"
	}
	f.logger.Info(what, "names", names(found.Leaf), "until", found.Leaf.NotAfter, "file", f.files.cert)
	if info := f.seen[1]; info != nil && othersMayRead(info.Mode()) {
		f.logger.Warn(fmt.Sprintf("all users of this machine can read the private key; chmod o-r %s", f.files.key))
	}
	return nil
}

// othersMayRead reports whether the permissions of a file let everybody read it.
// Those on Windows say nothing.
func othersMayRead(mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&0o004 != 0
}
