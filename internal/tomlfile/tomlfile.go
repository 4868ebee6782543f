// Package tomlfile reads files of TOML with the lines in which things are, which the
// library's decoder does not tell. It knows no setting.
package tomlfile

import (
	"fmt"
	"io/fs"
	"strconv"

	"sop-chat/internal/readfile"
)

// A Place is a line of a file, or if the line is 0 something else that has a name.
type Place struct {
	Source string
	Line   int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.Source
	}
	return p.Source + ":" + strconv.Itoa(p.Line)
}

// Errorf returns an error that begins with the place.
func (p Place) Errorf(format string, args ...any) error {
	return &Error{p, fmt.Errorf(format, args...)}
}

// An Error is what is wrong at a place.
type Error struct {
	At  Place
	Err error
}

func (e *Error) Error() string { return e.At.String() + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// maxFile is far more than 10,000 rooms need. A device may have no end.
const maxFile = 64 << 20

// Read returns the content of a file, and what the system says about it.
func Read(name string) ([]byte, fs.FileInfo, error) {
	return readfile.Read(name, maxFile)
}
