package command

import (
	"errors"
	"io"
	"io/fs"
)

// A checkedOutput is standard output. Its errors are outputErrors.
type checkedOutput struct {
	w      io.Writer
	failed error // the first one
}

func (c *checkedOutput) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err == nil {
		return n, nil
	}
	if c.failed == nil {
		c.failed = outputError{err}
	}
	return n, outputError{err}
}

// An outputError says that standard output can't be written.
type outputError struct{ err error }

func (e outputError) Error() string {
	cause := e.err
	if file, is := errors.AsType[*fs.PathError](cause); is {
		cause = file.Err // without the name that Go has for it
	}
	return "standard output can't be written: " + cause.Error()
}

func (e outputError) Unwrap() error { return e.err }
