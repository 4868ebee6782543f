package history

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// A file that stays shorter than its header says was overwritten, unless there is
// something in the -wal: then a full disk may have kept SQLite from copying it.
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
	for _, checkpointed := range []bool{true, false} {
		s := &store{lock: f}
		if s.header, _, err = readHeader(f); err != nil {
			t.Fatal(err)
		}
		if got := s.isOverwritten(checkpointed); got != checkpointed {
			t.Errorf("checkpointed %v: overwritten %v", checkpointed, got)
		}
	}
}
