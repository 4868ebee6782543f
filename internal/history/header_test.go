package history

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// A file that stays shorter than it says was written over, but only if SQLite was
// not copying into it: a full disk may have kept it from that.
func TestShortFile(t *testing.T) {
	header := make([]byte, 100)
	copy(header, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(header[16:], 4096)
	binary.BigEndian.PutUint32(header[28:], 2) // pages
	path := filepath.Join(t.TempDir(), "short.db")
	if err := os.WriteFile(path, header, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, settled := range []bool{true, false} {
		s := &store{lock: f}
		if s.header, _, err = readHeader(f); err != nil {
			t.Fatal(err)
		}
		if got := s.isOverwritten(settled); got != settled {
			t.Errorf("settled %v: overwritten %v", settled, got)
		}
	}
}
