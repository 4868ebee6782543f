package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Before a server is replaced by another program, that is run once beside it, to see whether
// it can go on: as the command handover-check, with the same arguments and environment. The
// two talk in lines over a socket:
//
//	server                 candidate
//	       ◀── configured ──  its options and files are right
//	 frozen ──▶               the server's state is in the file
//	       ◀── ready ───────  it could go on with that
//
// A candidate that ends instead says why on its standard error.

const (
	configured = "configured"
	frozen     = "frozen"
	ready      = "ready"

	// The descriptors of a candidate: the file in memory for the state, and the socket.
	candidateState, candidateLink = 3, 4

	checkCommand = "handover-check"
)

// candidateTimeout is how long a candidate may take for each answer. It is some ten
// milliseconds on a machine that is not busy.
const candidateTimeout = 10 * time.Second

// A candidate is a program that is to take this one's place, and runs beside it.
type candidate struct {
	path  string
	cmd   *exec.Cmd
	link  net.Conn
	in    *bufio.Reader
	said  *limitedBuffer // on its standard error
	ended chan struct{}
}

// startCandidate runs a program with the arguments and the environment of this one. The
// state will be in a file, and input is its standard input.
func startCandidate(program Program, state, input *os.File) (*candidate, error) {
	ours, its, err := linkPair()
	if err != nil {
		return nil, err
	}
	defer its.Close()
	c := &candidate{path: program.Path, link: ours, in: bufio.NewReader(ours), said: new(limitedBuffer), ended: make(chan struct{})}
	c.cmd = &exec.Cmd{
		Path:       program.Path,
		Args:       append([]string{program.Args[0], checkCommand}, program.Args[1:]...),
		Env:        append(program.Environ(), fmt.Sprintf("%s=%d", handoverVariable, candidateState)),
		Stdin:      input,
		Stderr:     c.said,
		ExtraFiles: []*os.File{state, its},
		WaitDelay:  time.Second,
	}
	if err := c.cmd.Start(); err != nil {
		ours.Close()
		return nil, whyNotRun(program.Path, err)
	}
	go func() {
		defer close(c.ended)
		c.cmd.Wait()
	}()
	return c, nil
}

// linkPair returns the two ends of a socket.
func linkPair() (ours net.Conn, its *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	its = os.NewFile(uintptr(pair[1]), "candidate")
	file := os.NewFile(uintptr(pair[0]), "candidate")
	defer file.Close()
	if ours, err = net.FileConn(file); err != nil {
		its.Close()
		return nil, nil, err
	}
	return ours, its, nil
}

// whyNotRun puts into words why a program can't be run, and what can be done.
func whyNotRun(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no program at %q; put the new one there", path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%q may not be executed; chmod +x permits it", path)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%q is no program for this machine", path)
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("%q is being written to; put the new program beside it, and rename it", path)
	}
	return fmt.Errorf("%q can't be run: %w", path, err)
}

// expect waits for the candidate's answer.
func (c *candidate) expect(ctx context.Context, word string) error {
	c.link.SetReadDeadline(time.Now().Add(candidateTimeout))
	defer context.AfterFunc(ctx, func() { c.link.SetReadDeadline(time.Unix(1, 0)) })()
	line, err := c.in.ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && line == word+"\n":
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%q did not say within %v whether it can go on", c.path, candidateTimeout)
	}
	c.end()
	if said := c.said.String(); said != "" {
		return fmt.Errorf("%q can't go on: %s", c.path, said)
	}
	return fmt.Errorf("%q is not a server that can go on: it ended with %v", c.path, c.cmd.ProcessState)
}

// tell tells the candidate something.
func (c *candidate) tell(word string) error {
	c.link.SetWriteDeadline(time.Now().Add(candidateTimeout))
	if _, err := c.link.Write([]byte(word + "\n")); err != nil {
		return fmt.Errorf("%q ended too early: %w", c.path, err)
	}
	return nil
}

// end returns when the candidate has ended. It may be called again.
func (c *candidate) end() {
	const grace = 100 * time.Millisecond
	c.link.Close() // which it waits for
	select {
	case <-c.ended:
		return
	case <-time.After(grace):
	}
	c.cmd.Process.Kill()
	<-c.ended
}

// A limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	mu   sync.Mutex
	kept []byte
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	const most = 2000
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p[:min(len(p), most-len(b.kept))]...)
	return len(p), nil
}

// String returns what a program of ours has said, in one line.
func (b *limitedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(b.kept, []byte("?")))) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "sop-chat: ")
		if line != "" && !strings.HasPrefix(line, "Try '") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
