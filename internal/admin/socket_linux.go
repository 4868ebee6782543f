package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Socket is where operators reach a server.
type Socket struct {
	listener net.Listener // of Unix sockets
	path     string
	file     os.FileInfo // what it is at the path; nil if it is not removed from there
}

// maxPath is how long a path may be: the system has 107 bytes for it, of which some are
// needed until the socket is in its place.
const maxPath = 107 - len(beside)

// beside is what the name of a socket ends with that is not in its place yet.
const beside = ".new"

// An InUseError says that another server has the socket.
type InUseError struct{ Path string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("another server is reached at %s; give this one another path with --admin", e.Path)
}

// Listen opens a socket that only the owner of the process may use. One that a server has
// left behind that is gone is replaced, nothing else.
func Listen(path string) (*Socket, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("the path of the socket, %s, is %d bytes long; at most %d fit", path, len(path), maxPath)
	}
	unlock := lockFolder(filepath.Dir(path))
	defer unlock()
	switch there, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case there.Mode().Type() != os.ModeSocket:
		return nil, fmt.Errorf("%s is there, and is no socket; remove it, or give another path with --admin", path)
	case isAlive(path):
		return nil, &InUseError{path}
	}
	os.Remove(path + beside) // if a server was killed while it did this
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + beside, Net: "unix"})
	if cause, is := errors.AsType[*os.SyscallError](err); is { // without a name that nobody has given
		return nil, &fs.PathError{Op: "listen", Path: path, Err: cause.Err}
	}
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &Socket{listener: l, path: path}
	if err = os.Chmod(path+beside, 0o600); err == nil {
		err = os.Rename(path+beside, path) // so that there never is one that others may use
	}
	if err == nil {
		s.file, err = os.Lstat(path)
	}
	if err != nil {
		os.Remove(path + beside)
		l.Close()
		return nil, err
	}
	return s, nil
}

// Inherit returns a socket that another process has opened, or this one before its program
// was replaced. It is at a path, and removed from there by Close if that one was to remove
// it.
func Inherit(l *net.UnixListener, path string, removed bool) *Socket {
	s := &Socket{listener: l, path: path}
	if removed {
		s.file, _ = os.Lstat(path) // or there is nothing to remove
	}
	return s
}

// Through has what f returns for the listener be served in its place. It may be called
// before Serve.
func (s *Socket) Through(f func(net.Listener) net.Listener) { s.listener = f(s.listener) }

// IsRemoved reports whether Close removes the socket from its path.
func (s *Socket) IsRemoved() bool { return s.file != nil }

// lockFolder keeps other servers from opening a socket in a folder meanwhile. If that is
// not possible, it goes without.
func lockFolder(folder string) (unlock func()) {
	f, err := os.Open(folder)
	if err != nil {
		return func() {}
	}
	for range 20 {
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			break
		}
		time.Sleep(10 * time.Millisecond) // no longer than opening one takes
	}
	return func() { f.Close() }
}

// isAlive reports whether somebody listens at a socket.
func isAlive(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return !errors.Is(err, unix.ECONNREFUSED)
	}
	conn.Close()
	return true
}

// Path returns the path of the socket.
func (s *Socket) Path() string { return s.path }

// Close closes the socket, and removes it unless another has taken its place. A server that
// serves there stops.
func (s *Socket) Close() error {
	if s.file != nil {
		if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.file) {
			os.Remove(s.path)
		}
	}
	return s.listener.Close()
}

// maxAtOnce is how many requests are done at once. Others wait.
const maxAtOnce = 8

// Serve has handle do what operators ask for, until ctx is done. Then it waits for what is
// under way. Only root and the user of this process may ask for something.
func (s *Socket) Serve(ctx context.Context, handle Handler, logger *slog.Logger) {
	defer context.AfterFunc(ctx, func() { s.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, maxAtOnce)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default: // for lack of descriptors or memory
			logger.Debug("a request of an operator can't be accepted", "error", err)
			<-slots
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			defer conn.Close()
			serve(ctx, conn.(*net.UnixConn), handle, logger)
		})
	}
}

// serve serves a connection.
func serve(ctx context.Context, conn *net.UnixConn, handle Handler, logger *slog.Logger) {
	conn.SetDeadline(time.Now().Add(exchangeTimeout))
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now().Add(endTimeout)) })()
	by, err := peerOf(conn)
	if err == nil && by.UID != 0 && by.UID != uint32(os.Geteuid()) {
		err = fmt.Errorf("this server is that of another user; only root and uid %d may administer it", os.Geteuid())
		logger.Warn("somebody may not administer the server", "by", by.String())
	}
	var result Result
	if err == nil {
		result, err = exchange(ctx, conn, by, handle)
	}
	var a answer
	if err == nil {
		a.Result, err = json.Marshal(result)
	}
	if err != nil {
		a = answer{Error: err.Error()}
	}
	line, err := json.Marshal(a)
	if err != nil {
		logger.Error("the answer to an operator can't be encoded", "error", err)
		return
	}
	if ctx.Err() == nil {
		conn.SetWriteDeadline(time.Now().Add(exchangeTimeout))
	}
	conn.Write(append(line, '\n')) // one that does not want to know it has gone
}

// exchange reads a request, and returns what came of it.
func exchange(ctx context.Context, conn io.Reader, by Actor, handle Handler) (Result, error) {
	r := bufio.NewReaderSize(conn, maxRequest)
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("the request is too long; at most %d KiB fit", maxRequest>>10)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the request did not come: %w", err)
	}
	request, err := parseRequest(line)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handleTimeout, errTooLong)
	defer cancel()
	return handle(ctx, by, request)
}

var errTooLong = errors.New("it takes too long; perhaps it is done later")

// peerOf returns who is at the other end, as the system knows it.
func peerOf(conn *net.UnixConn) (by Actor, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return by, err
	}
	var credentials *unix.Ucred
	if controlErr := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return by, fmt.Errorf("the system does not say who asks: %w", os.NewSyscallError("getsockopt", err))
	}
	by = Actor{UID: credentials.Uid, PID: credentials.Pid}
	if u, err := user.LookupId(strconv.FormatUint(uint64(by.UID), 10)); err == nil {
		by.User = u.Username
	}
	return by, nil
}
