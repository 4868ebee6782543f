// Package readfile reads files of settings, which a server reads again while it runs: one
// that is a pipe must neither keep it waiting nor pass for an empty file.
package readfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"sop-chat/internal/english"
)

// Read returns the content of a file, and what the system said about it before it was
// read: what changes after that is another version. A file of more than most bytes is an
// error, since a device may have no end. So is a pipe that has nothing: it is read to its
// end once, and an empty file would mean something else, such as that nobody is denied.
func Read(name string, most int) ([]byte, fs.FileInfo, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	switch isPipe := info.Mode()&fs.ModeNamedPipe != 0; {
	case err != nil:
		return nil, nil, err
	case len(content) > most:
		return nil, nil, &LongError{name, most}
	case isPipe && len(content) == 0:
		return nil, nil, &fs.PathError{Op: "read", Path: name, Err: errEmptyPipe}
	}
	return content, info, nil
}

var errEmptyPipe = errors.New("it is a pipe that has nothing, or was read before; a file can be read again")

// A LongError says that a file has more bytes than it may have.
type LongError struct {
	Name string
	Most int
}

func (e *LongError) Error() string {
	const mebibyte = 1 << 20
	if e.Most%mebibyte == 0 {
		return fmt.Sprintf("%s has more than %d MiB", e.Name, e.Most/mebibyte)
	}
	return e.Name + " has more than " + english.Count(e.Most, "byte")
}
