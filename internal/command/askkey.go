package command

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// askKey asks for the key if it was not given. The typed key is not shown.
func (o *joinOptions) askKey(ctx context.Context, p Process) error {
	if !o.keyless {
		return nil
	}
	in, out, closeTerminal, err := keyTerminal(p)
	if err != nil {
		return errNoKey
	}
	defer closeTerminal()
	fmt.Fprintf(out, "Key of %s: ", o.place())
	key, err := readSilently(ctx, in)
	fmt.Fprintln(out)
	if err != nil {
		return err
	}
	o.key = key
	return checkKey(o.key, true)
}

// keyTerminal returns the terminal to ask for the key on, even if the standard
// streams are redirected.
func keyTerminal(p Process) (in *os.File, out io.Writer, closeTerminal func() error, err error) {
	if isTerminal(p.Stdin) {
		return p.Stdin.(*os.File), p.Stderr, func() error { return nil }, nil
	}
	if p.OpenTerminal == nil {
		return nil, nil, nil, errNoKey
	}
	file, err := p.OpenTerminal()
	if err != nil {
		return nil, nil, nil, err
	}
	return file, file, file.Close, nil
}

// readSilently reads a line without echo. When ctx is done before, it restores the
// terminal and leaves a goroutine behind that waits for the rest of the line.
func readSilently(ctx context.Context, terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the key can't be asked for: %w", err)
	}
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		if r.err != nil {
			return "", fmt.Errorf("the key can't be read: %w", r.err)
		}
		return string(r.line), nil
	case <-ctx.Done():
		term.Restore(fd, before)
		return "", context.Cause(ctx)
	}
}
