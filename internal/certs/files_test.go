package certs

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A watched is a source of files in a folder, while Run runs.
type watched struct {
	*FileSource
	t      testing.TB
	folder string
	log    logged
}

// watch writes files and begins to watch them, in a bubble of synctest.
func watch(t testing.TB, i issue) *watched {
	t.Helper()
	w := &watched{t: t, folder: t.TempDir()}
	w.replace(i)
	return w.begin("cert.pem", "key.pem")
}

func (w *watched) begin(cert, key string) *watched {
	w.t.Helper()
	var err error
	w.FileSource, err = Files(w.path(cert), w.path(key), w.log.logger(slog.LevelInfo))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	go w.Run(ctx)
	synctest.Wait() // for the first look
	return w
}

func (w *watched) path(name string) string { return filepath.Join(w.folder, name) }

func (w *watched) replace(i issue) {
	w.t.Helper()
	write(w.t, w.path("cert.pem"), i.cert)
	write(w.t, w.path("key.pem"), i.key)
}

// pass lets the files be looked at some times.
func (w *watched) pass(looks int) {
	time.Sleep(time.Duration(looks)*lookEvery + lookEvery/2)
	synctest.Wait()
}

func (w *watched) expectName(want string) {
	w.t.Helper()
	if got := strings.Join(w.Names(), " "); got != want {
		w.t.Errorf("the certificate in force is for %s, want %s", got, want)
	}
	cert, err := w.GetCertificate(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := strings.Join(names(cert.Leaf), " "); got != want {
		w.t.Errorf("the certificate in force is that of %s, want %s\n%s", got, want, &w.log)
	}
}

func (w *watched) expectLogged(what string, times int) {
	w.t.Helper()
	if got := w.log.count(what); got != times {
		w.t.Errorf("%q is logged %d times, want %d:\n%s", what, got, times, &w.log)
	}
}

// A new pair is in force soon after its files were written.
func TestFilesReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, valid(t, "one.example"))
		w.expectName("one.example")
		w.replace(valid(t, "two.example"))
		w.pass(1)
		w.expectName("two.example")
		w.expectLogged("the new certificate is in force", 1)
		w.expectLogged("level=WARN", 0)
		if want := time.Now().Add(90*day - time.Hour); w.NotAfter().Before(want) {
			t.Errorf("it expires on %s", w.NotAfter())
		}

		content, err := os.ReadFile(w.path("cert.pem"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, w.path("cert.pem"), content)
		w.pass(1)
		w.expectLogged("is in force", 1)
	})
}

// A pair that is half replaced leaves the old one in force, without a word if the
// other half follows.
func TestFilesHalfReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, valid(t, "one.example"))
		next := valid(t, "two.example")
		write(t, w.path("cert.pem"), next.cert)
		w.pass(1)
		w.expectName("one.example")
		write(t, w.path("key.pem"), next.key)
		w.pass(1)
		w.expectName("two.example")
		w.expectLogged("level=WARN", 0)
	})
}

// A pair that can't be used is warned of once, and again if something else is wrong
// with it. The old one stays in force.
func TestFilesBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, valid(t, "one.example"))
		write(t, w.path("key.pem"), []byte("nothing"))
		w.pass(100)
		w.expectName("one.example")
		w.expectLogged("is not PEM", 1)
		w.expectLogged("level=WARN", 1)

		if err := os.Remove(w.path("key.pem")); err != nil {
			t.Fatal(err)
		}
		w.pass(100)
		w.expectLogged("does not exist", 1)
		w.expectLogged("level=WARN", 2)

		if err := w.Reload(); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("reading them again: %v", err)
		}
		w.replace(newIssue(t, "gone.example", time.Now().Add(-2*day), time.Now().Add(-day)))
		w.pass(100)
		w.expectName("one.example")
		w.expectLogged("has expired, on", 1)
		w.expectLogged("level=WARN", 3)

		w.replace(valid(t, "two.example"))
		if err := w.Reload(); err != nil {
			t.Error(err)
		}
		w.expectName("two.example")
		w.expectLogged("is in force", 1)

		write(t, w.path("key.pem"), []byte("nothing"))
		w.pass(100)
		w.expectLogged("level=WARN", 4)
	})
}

// Certificates are replaced as certbot does it, by a link for each file, and as
// Kubernetes does it, by one for the folder.
func TestFilesLinks(t *testing.T) {
	link := func(t *testing.T, to, file string) {
		t.Helper()
		if err := os.Symlink(to, file+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	put := func(t *testing.T, folder string, i issue) {
		t.Helper()
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, "cert.pem"), i.cert)
		write(t, filepath.Join(folder, "key.pem"), i.key)
	}
	// The files have one time and size: only the links tell.
	same := func(t *testing.T, w *watched) {
		t.Helper()
		at := time.Unix(1_700_000_000, 0)
		for _, name := range []string{"1", "2"} {
			for _, file := range []string{"cert.pem", "key.pem"} {
				if err := os.Chtimes(w.path(name+"/"+file), at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := &watched{t: t, folder: t.TempDir()}
		put(t, w.path("1"), valid(t, "one.example"))
		put(t, w.path("2"), valid(t, "two.example"))
		same(t, w)
		link(t, "1/cert.pem", w.path("cert.pem"))
		link(t, "1/key.pem", w.path("key.pem"))
		w.begin("cert.pem", "key.pem")
		link(t, "2/cert.pem", w.path("cert.pem"))
		link(t, "2/key.pem", w.path("key.pem"))
		w.pass(1)
		w.expectName("two.example")
	})
	synctest.Test(t, func(t *testing.T) {
		w := &watched{t: t, folder: t.TempDir()}
		put(t, w.path("1"), valid(t, "one.example"))
		put(t, w.path("2"), valid(t, "two.example"))
		same(t, w)
		link(t, "1", w.path("..data"))
		w.begin("..data/cert.pem", "..data/key.pem")
		link(t, "2", w.path("..data"))
		w.pass(1)
		w.expectName("two.example")
	})
}

// A key that everybody can read is warned of when it is read.
func TestFilesReadable(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, valid(t, "one.example"))
		w.expectLogged("chmod", 0)
		if err := os.Chmod(w.path("key.pem"), 0o644); err != nil {
			t.Fatal(err)
		}
		w.replace(valid(t, "two.example"))
		w.pass(10)
		w.expectLogged("all users of this machine can read the private key; chmod o-r "+w.path("key.pem"), 1)
	})
}

// A certificate that nobody renews is warned of, a few times in all.
func TestFilesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, newIssue(t, "one.example", time.Now().Add(-88*day), time.Now().Add(2*day)))
		w.pass(1)
		w.expectLogged("the certificate expires soon and was not renewed", 1)
		time.Sleep(2 * day)
		synctest.Wait()
		w.expectLogged("the certificate expires soon and was not renewed", 2)
		w.expectLogged("the certificate has expired; clients refuse it", 1)
		w.expectName("one.example")
	})
}
