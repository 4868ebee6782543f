package history

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// A header is what the first page of a database says of it, see
// sqlite.org/fileformat.html. What it counts only grows, so that another file's
// content shows.
type header struct {
	size    int64 // of the file
	pages   int64 // how many bytes it should have at least, when nobody is about to write it
	changes uint32
	schema  uint32
}

// readHeader reads the header of a database. ours reports whether it can be one
// of this program.
func readHeader(f *os.File) (_ header, ours bool, err error) {
	const magic = "SQLite format 3\x00"
	about, err := f.Stat()
	if err != nil {
		return header{}, false, err
	}
	var b [100]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return header{}, false, err
	}
	pageSize := int64(binary.BigEndian.Uint16(b[16:]))
	if pageSize == 1 {
		pageSize = 1 << 16
	}
	h := header{
		size:    about.Size(),
		pages:   pageSize * int64(binary.BigEndian.Uint32(b[28:])),
		changes: binary.BigEndian.Uint32(b[24:]),
		schema:  binary.BigEndian.Uint32(b[40:]),
	}
	id := binary.BigEndian.Uint32(b[68:])
	return h, string(b[:len(magic)]) == magic && (id == applicationID || id == 0), nil
}

// isOverwritten reports whether the content of the file is another's now. settled
// says that all that was written is in the file itself: otherwise it may be short
// because a full disk did not take what SQLite was copying into it.
func (s *store) isOverwritten(settled bool) bool {
	h, ours, err := readHeader(s.lock)
	if err != nil || s.header.size == 0 {
		return false
	}
	before := s.header
	s.header = h
	// What a program that is copying into the file right now has not yet got to
	// may be missing, but not for long.
	isShort := settled && h.size < h.pages && before.size < before.pages
	return !ours || h.changes < before.changes || h.schema < before.schema || isShort
}
