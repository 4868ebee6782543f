package history

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Overwriting a file is noticed from the beginning on, also if a killed server has
// left a -wal.
func TestOverwrittenAtTheBeginning(t *testing.T) {
	for _, test := range []struct {
		what         string
		checkpointed int64
	}{{"ended", 300}, {"killed", 100}} {
		t.Run(test.what, func(t *testing.T) {
			working, path := newFile(t), newFile(t)
			s, _, err := openStore(working)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			extend(t, s, 0, test.checkpointed)
			if all, err := s.checkpoint(); !all {
				t.Fatal(err)
			}
			extend(t, s, test.checkpointed, 300)
			copyFile(t, working, path)
			if test.checkpointed < 300 {
				copyFile(t, working+"-wal", path+"-wal")
			}
			r := newRoom(t, path, Config{Window: time.Millisecond})
			about, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, about.Size()/2) // what is left begins as it did
			}
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is noticed", func() bool { return strings.Contains(r.journal.String(), "overwritten") })
			if got := r.journal.String(); !strings.Contains(got, "rescued=0 lost=0") {
				t.Error(got)
			}
			if err := r.end(); err == nil || !strings.Contains(err.Error(), "overwritten") {
				t.Error(err)
			}
		})
	}
}
