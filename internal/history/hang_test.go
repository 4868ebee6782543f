package history

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"sop-chat/internal/broadcast"
)

// An archive whose disk hangs at the end does not wait for it. It closes its file when
// the disk has answered after all; TestMain notices a file that is left open.
func TestHangAtTheEnd(t *testing.T) {
	t.Parallel()
	a, err := Open(filepath.Join(t.TempDir(), "chat.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	a.Follow(broadcast.New(1<<20, 0))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w := a.newWatchdog(ended)
	defer w.stop()
	answer := make(chan error)
	if err, done := w.do(func() error { return <-answer }); done || !errors.Is(err, errNoResponse) {
		t.Fatalf("a call that hangs is done: %v, %v", done, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.store.file.exec("SELECT 1"); err != nil {
		t.Errorf("the file is closed while a call uses it: %v", err)
	}
	answer <- nil
}
