package history

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// A stamp is what a file was like when it was looked at; nil is that of one that is
// not there. The header is a part of it, because SQLite counts changes in it, and
// some file systems count time in seconds.
type stamp struct {
	about  fs.FileInfo
	header [100]byte
}

// stampOf returns the stamp of a file that is open.
func stampOf(file *os.File) (*stamp, error) {
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	s := &stamp{about: about}
	if _, err := file.ReadAt(s.header[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s, nil
}

// stampAt returns the stamp of a file. This process must not have locks on it: a
// descriptor that is closed ends them.
func stampAt(name string) (*stamp, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return stampOf(file)
}

// equals reports whether a file is as it was.
func (s *stamp) equals(before *stamp) bool {
	if s == nil || before == nil {
		return s == before
	}
	return os.SameFile(s.about, before.about) && s.about.Size() == before.about.Size() &&
		s.about.ModTime().Equal(before.about.ModTime()) && s.header == before.header
}
