package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const patience = 30 * time.Second

// folder returns one whose path is short, as those of sockets have to be.
func folder(t testing.TB) string {
	dir, err := os.MkdirTemp("", "admin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serving returns the path of a socket at which handle does what is asked for.
func serving(t testing.TB, handle Handler) string {
	t.Helper()
	s, err := Listen(filepath.Join(folder(t), "9000.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ctx, handle, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the socket is served for ever")
		}
	})
	return s.Path()
}

// levels answers each request with its level, and refuses "refuse".
func levels(_ context.Context, by Actor, r Request) (Result, error) {
	if r.Level == "refuse" {
		return nil, errors.New("not that")
	}
	return &Level{Level: r.Level, Former: by.String()}, nil
}

// A request gets its answer, with who asked for it, and a refusal its words.
func TestCall(t *testing.T) {
	path := serving(t, levels)
	result, err := Call(t.Context(), path, Request{Command: "loglevel", Level: "debug"})
	if err != nil {
		t.Fatal(err)
	}
	l := result.(*Level)
	if l.Level != "debug" || !strings.Contains(l.Former, fmt.Sprint("uid ", os.Getuid())) || !strings.HasSuffix(l.Former, fmt.Sprint("pid ", os.Getpid())) {
		t.Errorf("the answer is %+v", l)
	}
	_, err = Call(t.Context(), path, Request{Command: "loglevel", Level: "refuse"})
	if refused, is := errors.AsType[*RefusedError](err); !is || refused.Words != "not that" {
		t.Errorf("the error is %v", err)
	}
	_, err = Call(t.Context(), path, Request{Command: "loglevel", Level: strings.Repeat("x", maxRequest)})
	if err == nil {
		t.Error("a request may be of any length")
	}
}

// The socket is the owner's alone, and gone when it is closed.
func TestSocketMode(t *testing.T) {
	path := filepath.Join(folder(t), "admin.sock")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("its mode is %v: %v", info.Mode(), err)
	}
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
	}
}

// A socket that a server has left behind is replaced. That of one that runs is not, nor is
// anything else.
func TestStaleSocket(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "admin.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	s, err := Listen(path)
	if err != nil {
		t.Fatalf("one that was left behind is in the way: %v", err)
	}
	_, err = Listen(path)
	if _, isInUse := errors.AsType[*InUseError](err); !isInUse {
		t.Errorf("that of a server is replaced: %v", err)
	}
	os.Remove(path)
	another, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's was removed: %v", err)
	}
	another.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file is replaced: %v", err)
	}
	if content, _ := os.ReadFile(file); string(content) != "precious" {
		t.Errorf("the file has %q", content)
	}
	if _, err := Listen(filepath.Join(dir, strings.Repeat("x", 100))); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := Listen(filepath.Join(dir, "missing", "admin.sock")); !errors.Is(err, syscall.ENOENT) || strings.Contains(err.Error(), beside) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Whatever comes to the socket, it goes on, and each connection gets a line or nothing.
func TestHostileRequests(t *testing.T) {
	path := serving(t, levels)
	for _, request := range []string{
		"", "\n", "\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n", "{", `{"command":"loglevel"`, strings.Repeat("{", 1000) + "\n",
		strings.Repeat("x", 2*maxRequest), `{"command":"loglevel","level":` + strings.Repeat("[", 50_000) + "\n",
		"{\"command\":\"loglevel\",\"level\":\"\xff\"}\n",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		conn.Write([]byte(request)) // it may be refused before it has all been written
		conn.(*net.UnixConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) || err == nil && !strings.HasPrefix(string(answer), `{"error":"`) {
			t.Errorf("%.40q is answered with %.80q: %v", request, answer, err)
		}
		conn.Close()
	}
	if _, err := Call(t.Context(), path, Request{Command: "loglevel"}); err != nil {
		t.Error(err)
	}
}

// As many requests as may be are done at once, and those that wait are done later.
func TestManyAtOnce(t *testing.T) {
	var now, most atomic.Int32
	release := make(chan struct{})
	path := serving(t, func(ctx context.Context, _ Actor, r Request) (Result, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		<-release
		return &Level{}, nil
	})
	const calls = 3 * maxAtOnce
	errs := make(chan error, calls)
	for range calls {
		go func() {
			_, err := Call(t.Context(), path, Request{Command: "loglevel"})
			errs <- err
		}()
	}
	deadline := time.Now().Add(patience)
	for now.Load() < maxAtOnce && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range calls {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := most.Load(); got != maxAtOnce {
		t.Errorf("%d are done at once, want %d", got, maxAtOnce)
	}
}

// A server is found by itself if it is the only one, and by its port if it is not.
func TestFind(t *testing.T) {
	dir := folder(t)
	get := Lookup(func(variable string) string {
		return map[string]string{"XDG_RUNTIME_DIR": dir}[variable]
	})
	path := get.Place(9000)
	if path != filepath.Join(dir, "sop-chat", "9000.sock") {
		t.Fatalf("the place is %s", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v: %v", info, err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: get.Place(8999), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if _, err := get.Find("9000"); err == nil || !strings.Contains(err.Error(), "port 9000") || !strings.Contains(err.Error(), dir) {
		t.Errorf("without a server: %v", err)
	}
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := Listen(get.Place(9001))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, err := get.Find("9001"); got != second.Path() || err != nil {
		t.Errorf("9001 is %s: %v", got, err)
	}
	if _, err := get.Find(""); err == nil || !strings.Contains(err.Error(), first.Path()) {
		t.Errorf("of two: %v", err)
	}
}

// A socket that is open already is served where it is. It is removed from there by the one
// that opened it, and not if systemd has.
func TestInherit(t *testing.T) {
	for _, removed := range []bool{true, false} {
		first, err := Listen(filepath.Join(folder(t), "9000.sock"))
		if err != nil {
			t.Fatal(err)
		}
		file, err := first.listener.(*net.UnixListener).File()
		if err != nil {
			t.Fatal(err)
		}
		first.listener.Close() // as if the program was replaced
		l, err := net.FileListener(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		s := Inherit(l.(*net.UnixListener), first.Path(), removed)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Serve(ctx, levels, slog.New(slog.DiscardHandler))
		}()
		if _, err := Call(t.Context(), s.Path(), Request{Command: "loglevel"}); err != nil || s.IsRemoved() != removed {
			t.Errorf("%v, removed %v", err, s.IsRemoved())
		}
		stop()
		<-done
		if _, err := os.Lstat(s.Path()); errors.Is(err, os.ErrNotExist) != removed {
			t.Errorf("when the server has ended, the socket is there: %v; it is removed by it: %v", err == nil, removed)
		}
	}
}
