package history

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// A header is what the first page of a database says about it, see
// sqlite.org/fileformat.html. Its counters only grow, so smaller ones show that
// the content is another file's.
type header struct {
	size    int64 // of the file
	pages   int64 // the size of its pages, in bytes: the least size of a file that is not being written
	changes uint32
	schema  uint32
}

// readHeader reads the header of a database. ours reports whether this program
// may have created it.
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

// isOverwritten reports whether the content of the file is another's now.
// checkpointed says that all messages are in the file itself. Otherwise it may be
// short because the disk was full when SQLite copied the -wal into it.
func (s *store) isOverwritten(checkpointed bool) bool {
	h, ours, err := readHeader(s.lock)
	if err != nil || s.header.size == 0 {
		return false
	}
	before := s.header
	s.header = h
	// The file may be short for a moment, while another program copies the -wal
	// into it.
	isShort := checkpointed && h.size < h.pages && before.size < before.pages
	return !ours || h.changes < before.changes || h.schema < before.schema || isShort
}
