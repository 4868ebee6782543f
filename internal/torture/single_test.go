//go:build linux

package torture

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// judge settles a load, and fails the test for each fault, the first ones of each class.
func judge(t *testing.T, l *load, within time.Duration) {
	t.Helper()
	const shown = 10
	missing := l.settle(within)
	faults := Check(l.finish())
	t.Log(l.summary())
	for _, text := range missing[:min(shown, len(missing))] {
		t.Errorf("in vain waited %v for everything: %s", within, text)
	}
	count := make(map[Class]int)
	for _, fault := range faults {
		if count[fault.Class]++; count[fault.Class] <= shown {
			t.Error(fault)
		}
	}
	if len(count) > 0 {
		t.Errorf("of each class there are: %v", count)
	}
	if t.Failed() {
		keep(t, l)
	}
}

// keep writes a history down, beside the logs.
func keep(t *testing.T, l *load) {
	file, err := os.Create(filepath.Join(t.ArtifactDir(), "history"))
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	defer w.Flush()
	for _, e := range l.finish().Events {
		fmt.Fprintln(w, e)
	}
	t.Logf("the history and the logs are in %s; -artifacts keeps them", t.ArtifactDir())
}

// A single server does all that a cluster has to do.
func TestSingleServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "single", network()+"11")
	l := startLoad(t, 1, []address{s.address}, 3, 2, 100*time.Millisecond)
	l.pause(3 * time.Second)
	judge(t, l, time.Minute)
	s.finish(t)
}
