package history

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/internal/broadcast"
)

// An archive whose disk hangs at the end does not wait for it. It closes its file when
// the disk has answered after all; TestMain notices a file that is left open.
func TestHangAtTheEnd(t *testing.T) {
	t.Parallel()
	a, err := openRoom(filepath.Join(t.TempDir(), "chat.db"), Config{}, RoomConfig{})
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

// A disk, or a machine, that is slow at the end and goes on is waited for.
func TestSlowAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		a := &Archive{}
		w := a.newWatchdog(ended)
		defer w.stop()
		slow := func() error {
			for range 100 {
				time.Sleep(slowAfter * 3 / 4)
				a.progress.Add(1)
			}
			return nil
		}
		if err, done := w.do(slow); !done || err != nil {
			t.Errorf("it is given up: %v, %v", done, err)
		}
	})
}
