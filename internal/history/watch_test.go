package history

import (
	"os"
	"strings"
	"testing"
	"time"
)

// That a file was written over shows from the beginning on, also by what a server
// left in its -wal that was killed.
func TestOverwrittenAtTheBeginning(t *testing.T) {
	for _, test := range []struct {
		what    string
		settled int64
	}{{"ended", 300}, {"killed", 100}} {
		t.Run(test.what, func(t *testing.T) {
			working, path := newFile(t), newFile(t)
			s, _, err := openStore(working)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			extend(t, s, 0, test.settled)
			if all, err := s.settle(); !all {
				t.Fatal(err)
			}
			extend(t, s, test.settled, 300)
			copyFile(t, working, path)
			if test.settled < 300 {
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
			eventually(t, "it is noticed", func() bool { return strings.Contains(r.journal.String(), "written over") })
			if got := r.journal.String(); !strings.Contains(got, "rescued=0 lost=0") {
				t.Error(got)
			}
			if err := r.end(); err == nil || !strings.Contains(err.Error(), "written over") {
				t.Error(err)
			}
		})
	}
}
